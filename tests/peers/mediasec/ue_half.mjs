// The UE's half of e2ae for phones that have SDES but not 3GPP's indications: a hop between phone and gateway, TLS on
// both sides, that adds what TS 24.229 s. 5.1.1.2.1 i) and TS 33.328 s. 7.2.1 ask of the phone and notes what the
// gateway says. Keys and packets are the phone's own.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';

const MEDIA = 'sdes-srtp;mediasec';

// Whole messages out of a stream of octets (RFC 3261 s. 18.3); double CRLFs of keep-alives pass as they are.
function cutter(onMessage) {
  let rest = Buffer.alloc(0);
  return (data) => {
    rest = Buffer.concat([rest, data]);
    for (;;) {
      const blank = rest.indexOf('\r\n\r\n');
      if (blank < 0) return;
      const length = Number(/^(?:Content-Length|l)\s*:\s*(\d+)/im.exec(rest.toString('latin1', 0, blank))?.[1] ?? 0);
      if (rest.length < blank + 4 + length) return;
      onMessage(rest.toString('latin1', 0, blank), rest.toString('latin1', blank + 4, blank + 4 + length));
      rest = rest.subarray(blank + 4 + length);
    }
  };
}

const LINE = /^m=\w+ \d+ RTP\/SAVPF? .*\r\n(?:[cbik]=.*\r\n)*/gm; // up to where its attributes begin
const requested = (sdp) => sdp.replace(LINE, (m) => `${m}a=3ge2ae:requested\r\n`);

export class UeHalf {
  answers = []; // Security-Server, as the gateway gave it
  offers = []; // SDP of the gateway's INVITEs

  static start(run, { port, gateway }) {
    const hop = new UeHalf();
    const [key, cert] = ['key', 'crt'].map((e) => path.join(run.dir, `ue-half.${e}`));
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
      '-days', '2', '-subj', '/CN=ue-half', '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const sockets = new Set();
    const identity = { key: readFileSync(key), cert: readFileSync(cert) };
    const server = tls.createServer(identity, (phone) => {
      const up = tls.connect({ host: '127.0.0.1', port: gateway, rejectUnauthorized: false });
      const pass = (to, from, into) => (head, body) => {
        head = head.replaceAll(`127.0.0.1:${from};`, `127.0.0.1:${into};`); // the hop stays in the path of dialogs
        run.log('ue-half', `${to === up ? '>' : '<'} ${head}\n\n${body}`);
        to.write(Buffer.from(head.trim() ? `${head}\r\n\r\n${body}` : '\r\n\r\n', 'latin1'));
      };
      const toGateway = pass(up, port, gateway);
      phone.on('data', cutter((head, body) => toGateway(...hop.#fromPhone(head, body))));
      const toPhone = pass(phone, gateway, port);
      up.on('data', cutter((head, body) => { hop.#fromGateway(head, body); toPhone(head, body); }));
      for (const [s, other] of [[phone, up], [up, phone]]) {
        sockets.add(s);
        s.on('error', () => {}).on('close', () => (sockets.delete(s), other.destroy()));
      }
    }).listen(port, '127.0.0.1');
    run.use(server, () => { sockets.forEach((s) => s.destroy()); server.close(); });
    return hop;
  }

  #fromPhone(head, body) {
    if (/^REGISTER /.test(head)) {
      const verify = this.answers.at(-1);
      return [[head, `Security-Client: ${MEDIA}`, 'Require: mediasec', 'Proxy-Require: mediasec',
        ...(verify ? [`Security-Verify: ${verify}`] : [])].join('\r\n'), body];
    }
    const sdp = /^INVITE /.test(head) ? requested(body) : body;
    return [head.replace(/^(Content-Length|l)(\s*:\s*)\d+/im, `$1$2${sdp.length}`), sdp];
  }

  #fromGateway(head, body) {
    const server = [...head.matchAll(/^Security-Server\s*:\s*(.*)$/gim)].map((m) => m[1]).join(', ');
    if (server) this.answers.push(server);
    if (/^INVITE /.test(head) && body) this.offers.push(body);
  }
}
