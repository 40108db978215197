// A user at a floor control server (RFC 8855), as a client only.
import { BfcpError, get, readMessage, writeMessage } from './codec/bfcp.js';
import { attribute } from './codec/dcsdp.js';
import { Session } from './session.js';

const ANSWER_MS = 10_000;
const FLOORS_MAX = 32;
const over = new Set(['denied', 'cancelled', 'released', 'revoked']);

// Events: `request` (own ones: { id, status, queuePosition }), `floor` ({ floor, requests: [{ id, user, name, status,
// queuePosition }] }) at each change. `request` is the newest one that is not over, or null; `isGranted` says we have
// it.
export class BfcpSession extends Session {
  static subprotocol = 'bfcp';
  #request = null;
  floors = [];
  #conference = 0;
  #user = 0;
  #transaction = 0;
  #waiting = new Map(); // transaction -> { resolve, reject, timer }

  attributes() {
    return ['floorctrl:c-only', 'bfcpver:1'];
  }

  takeRemote(channel, isOffer) {
    const role = (attribute(channel, 'floorctrl') ?? (isOffer ? 'c-only' : 's-only')).split(/\s+/);
    const number = (name) => Number(/^\d+/.exec(attribute(channel, name) ?? '')?.[0] ?? NaN);
    const [conference, user] = [number('confid'), number('userid')];
    if (!role.some((r) => r === 's-only' || r === 'c-s')) throw new Error('the peer is no floor control server');
    if (!(conference < 2 ** 32) || !(user < 65536)) throw new Error('a=dcsa confid or userid is missing or wrong');
    this.#conference = conference;
    this.#user = user;
    this.floors = channel.attributes
      .filter((a) => a.name === 'floorid')
      .slice(0, FLOORS_MAX)
      .map((a) => Number(/^\d{1,5}/.exec(a.value)?.[0]))
      .filter((id) => id < 65536);
  }

  get request() {
    return this.#request;
  }

  get isGranted() {
    return this.#request?.status === 'granted';
  }

  onOpen() {
    if (!this.floors.length) return;
    this.#ask(
      'FloorQuery',
      this.floors.map((value) => ({ name: 'FLOOR_ID', value })),
    ) // from now on we are told
      .then(
        (m) => this.#onFloorStatus(m),
        (error) => this.emit('warning', { error }),
      );
  }

  onClose(error) {
    for (const w of this.#waiting.values()) {
      clearTimeout(w.timer);
      w.reject(error);
    }
    this.#waiting.clear();
    this.#request = null;
  }

  // { primitives, attributes } of the server, as numbers.
  async hello() {
    const answer = await this.#ask('Hello', []);
    return {
      primitives: [...(get(answer.attributes, 'SUPPORTED_PRIMITIVES') ?? [])],
      attributes: [...(get(answer.attributes, 'SUPPORTED_ATTRIBUTES') ?? [])].map((a) => a >> 1),
    };
  }

  // Asks for the floor; fulfilled with the request as the server sees it (perhaps still pending: follow `request`
  // events).
  async requestFloor({ floor = this.floors[0], priority = 2, info = '' } = {}) {
    const answer = await this.#ask('FloorRequest', [
      { name: 'FLOOR_ID', value: floor },
      ...(priority === 2 ? [] : [{ name: 'PRIORITY', value: priority }]),
      ...(info ? [{ name: 'PARTICIPANT_PROVIDED_INFO', value: info }] : []),
    ]);
    return this.#onRequestStatus(answer, true);
  }

  // Gives the floor back, or leaves the queue.
  async releaseFloor(id = this.#request?.id) {
    if (id === undefined) throw new DOMException('no request to release', 'InvalidStateError');
    const answer = await this.#ask('FloorRelease', [{ name: 'FLOOR_REQUEST_ID', value: id }]);
    return this.#onRequestStatus(answer, true);
  }

  #ask(primitive, attributes) {
    this.requireOpen();
    do this.#transaction = (this.#transaction % 65535) + 1;
    while (this.#waiting.has(this.#transaction));
    const transaction = this.#transaction;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(transaction, new BfcpError(14, 'no answer')), ANSWER_MS);
      this.#waiting.set(transaction, { resolve, reject, timer });
      this.post(writeMessage({ primitive, conference: this.#conference, transaction, user: this.#user, attributes }));
    });
  }

  #settle(transaction, result) {
    const w = this.#waiting.get(transaction);
    if (!w) return;
    this.#waiting.delete(transaction);
    clearTimeout(w.timer);
    result instanceof Error ? w.reject(result) : w.resolve(result);
  }

  onMessage(octets) {
    const m = readMessage(octets);
    if (m.conference !== this.#conference) throw new BfcpError(1);
    if (m.transaction !== 0) {
      const code = get(m.attributes, 'ERROR_CODE');
      this.#settle(
        m.transaction,
        m.primitive === 'Error' ? new BfcpError(code ?? 14, get(m.attributes, 'ERROR_INFO')) : m,
      );
    } else if (m.primitive === 'FloorRequestStatus') {
      this.#onRequestStatus(m, false);
    } else if (m.primitive === 'FloorStatus') {
      this.#onFloorStatus(m);
    }
  }

  #readRequest(information) {
    const overall = get(information.attributes, 'OVERALL_REQUEST_STATUS');
    const state = overall && get(overall.attributes, 'REQUEST_STATUS');
    const beneficiary = get(information.attributes, 'BENEFICIARY_INFORMATION');
    return {
      id: information.id,
      status: state?.status ?? 'unknown',
      queuePosition: state?.queuePosition ?? 0,
      user: beneficiary?.id ?? null,
      name: beneficiary ? (get(beneficiary.attributes, 'USER_DISPLAY_NAME') ?? null) : null,
    };
  }

  #onRequestStatus(m, isAnswer) {
    const information = get(m.attributes, 'FLOOR_REQUEST_INFORMATION');
    if (!information) throw new BfcpError(10, `${m.primitive} without a request`);
    const request = this.#readRequest(information);
    const isOwn = isAnswer || request.id === this.#request?.id;
    if (!isOwn) return request;
    this.#request = over.has(request.status) ? (request.id === this.#request?.id ? null : this.#request) : request;
    this.emit('request', request);
    return request;
  }

  #onFloorStatus(m) {
    const floor = get(m.attributes, 'FLOOR_ID');
    if (floor === undefined) return;
    const requests = m.attributes
      .filter((a) => a.name === 'FLOOR_REQUEST_INFORMATION')
      .map((a) => this.#readRequest(a.value));
    this.emit('floor', {
      floor,
      requests,
      isOurs: requests.some((r) => r.status === 'granted' && r.id === this.#request?.id),
    });
  }
}
