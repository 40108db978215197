#!/usr/bin/python3
"""Browsers register at a real Kamailio through the real gateway with digest, and everything but calls passes both ways.
tshark judges the core wire. Run: registration.py BUILD_DIR [ADDRESS [case]]"""
import asyncio
import re

from lab import ADDRESS, HOST, TRANSPORT, run
from party import Party


async def registers_with_digest(lab):
    """REG-005, SIG-015, SIG-016: a wrong password stays out, the right one gets in, Contact as it was sent."""
    eve = await lab.client("eve", password="wrong", register=False)
    assert (await eve.register()).status == 401
    ann = await lab.client("ann")
    ok = ann.registration
    assert ann.contact in ok["Contact"] and ann.instance in ok["Contact"], ok.text
    assert ok["Service-Route"] and ok["P-Associated-URI"] == f"<{ann.aor}>", ok.text
    for absent in ("Path", "P-Charging-Vector", "P-Visited-Network-ID"):
        assert ok[absent] is None, ok.text
    assert (await ann.register(expires=0)).status == 200
    await asyncio.gather(ann.close(), eve.close())


async def signs_in_with_a_web_token(lab):
    """REG-006, REG-007, REG-008, TS 24.371: a token in Authorization or in the WebSocket request; the core trusts us."""
    ann = await lab.client("ann", register=False)
    good = lab.tokens.bearer(ann.aor, 300, "RS256")
    for bad, why in ((lab.tokens.bearer(ann.aor, -60, "RS256"), "expired"), (good[:-6] + "AAAAAA", "wrong signature"),
                     (lab.tokens.bearer(ann.aor, 300, "none"), "not accepted"),
                     (lab.tokens.bearer(ann.aor, 300, "RS256", aud="shop"), "audience")):
        answer = await ann.ask(register_text(ann, bad))
        assert answer.status == 401 and why in answer["WWW-Authenticate"], answer.text
    answer = await ann.ask(register_text(ann, lab.tokens.bearer("sip:eve@ims.example", 300, "RS256")))
    assert answer.status == 403 and "insufficient_scope" in answer["WWW-Authenticate"], answer.text
    for algorithm in ("RS256", "ES256"):
        answer = await ann.ask(register_text(ann, lab.tokens.bearer(ann.aor, 300, algorithm)))
        assert answer.status == 200, answer.text
        assert 290 <= int(re.search(r"expires=(\d+)", answer["Contact"])[1]) <= 305, answer.text
    token = lab.tokens.token(f"sip:bob{lab.suffix}@ims.example", 300, "ES256")
    bob = await lab.client("bob", register=False, query=f"?access_token={token}")
    answer = await bob.ask(register_text(bob))
    assert answer.status == 200, answer.text
    assert (await ann.request("MESSAGE", bob.aor, ["Content-Type: text/plain"], body="signed in")).status == 200
    m = await bob.next("MESSAGE")
    assert m.all("P-Asserted-Identity") == [f"<{ann.aor}>"], m.text
    await asyncio.gather(ann.close(), bob.close())


def register_text(client, *headers):
    return client.text("REGISTER", "sip:ims.example", [f"Contact: {client.contact};expires=600", "Expires: 600",
                       "Supported: path", *headers], To=f"<{client.aor}>")


async def registrar_failures_pass(lab):
    """423 of the registrar with its Min-Expires; a domain that is not ours never gets there."""
    ann = await lab.client("ann", register=False)
    answer = await ann.register(expires=1)
    assert answer.status == 423 and answer["Min-Expires"] == "2", answer.text
    answer = await ann.request("REGISTER", "sip:other.example", [f"Contact: {ann.contact}"],
                               To="<sip:ann@other.example>")
    assert answer.status == 403, answer.text
    await ann.close()


async def messages_pass_both_ways(lab):
    """Browser to browser through the core, browser to phone and back: identity asserted, nothing of charging told."""
    ann, bob, phone = await lab.client("ann"), await lab.client("bob", "geheim"), await lab.phone()
    for a, b in ((ann, bob), (bob, ann), (ann, phone), (phone, ann)):
        answer = await a.request("MESSAGE", b.aor, ["Content-Type: text/plain", "Subject: kept",
                                 "P-Asserted-Identity: <sip:eve@ims.example>"], body=f"from {a.user} äöü")
        assert answer.status == 200, answer.text
        m = await b.next("MESSAGE")
        assert m.body == f"from {a.user} äöü" and m["Subject"] == "kept", m.text
        assert m.all("P-Asserted-Identity") == [f"<sip:{a.user}@ims.example>"], m.text
        if b is not phone:
            assert m["P-Charging-Vector"] is None and m["Path"] is None, m.text
            assert m.uri_of("To").startswith("sip:"), m.text
    await asyncio.gather(ann.close(), bob.close(), phone.close())


async def large_messages_pass(lab):
    """More than a datagram should hold goes to the core over TCP (RFC 3261 s. 18.1.1)."""
    ann, bob = await lab.client("ann"), await lab.client("bob", "geheim")
    body = "".join(f"{i:05d} " for i in range(1500))
    answer = await ann.request("MESSAGE", bob.aor, ["Content-Type: text/plain"], body=body)
    assert answer.status == 200, answer.text
    assert (await bob.next("MESSAGE")).body == body
    await asyncio.gather(ann.close(), bob.close())


async def options_are_answered_by_whom_they_name(lab):
    ann, phone = await lab.client("ann"), await lab.phone()
    answer = await ann.request("OPTIONS", "sip:visited.example")
    assert answer.status == 200 and "INVITE" in answer["Allow"], answer.text
    assert (await ann.request("OPTIONS", phone.aor)).status == 200
    await phone.next("OPTIONS")
    assert (await phone.request("OPTIONS", ann.aor)).status == 200
    await ann.next("OPTIONS")
    answer = await phone.ask(phone.text("OPTIONS", f"sip:{ADDRESS}:{lab.sip}"), to=(HOST, lab.sip))
    assert answer.status == 200, answer.text
    assert (await ann.request("OPTIONS", "sip:nobody@ims.example")).status == 404
    await asyncio.gather(ann.close(), phone.close())


async def unregistered_and_foreign_identities_stay_out(lab):
    """REG-012: not registered, de-registered, somebody else's identity."""
    ann, eve = await lab.client("ann"), await lab.client("eve", register=False)
    assert (await eve.request("MESSAGE", ann.aor)).status == 403
    assert (await eve.request("MESSAGE", ann.aor, From=f"<{ann.aor}>;tag=1")).status == 403
    assert (await ann.register(expires=0)).status == 200
    assert (await ann.request("MESSAGE", eve.aor)).status == 403
    ann = await lab.client("ann")
    assert (await ann.register(contact="*", expires=0)).status == 200
    assert (await ann.request("MESSAGE", eve.aor)).status == 403
    await asyncio.gather(ann.close(), eve.close())


async def a_registration_expires(lab):
    ann, phone = await lab.client("ann", expires=2), await lab.phone()
    assert (await phone.request("MESSAGE", ann.aor)).status == 200
    await asyncio.sleep(6)
    assert (await ann.request("MESSAGE", phone.aor)).status == 403
    assert (await phone.request("MESSAGE", ann.aor)).status in (404, 480)
    await asyncio.gather(ann.close(), phone.close())


async def tokens_cannot_be_forged_and_lost_connections_say_so(lab):
    """SIG-014: a changed or invented token is 403, that of a closed connection 430; without either no relay."""
    ann, phone = await lab.client("ann"), await lab.phone()
    gateway = (HOST, lab.sip)
    await phone.request("MESSAGE", ann.aor)
    m = await ann.next("MESSAGE")
    await phone.request("SUBSCRIBE", ann.aor, [f"Contact: {phone.contact}", "Event: presence"])
    route = next(r for r in (await ann.next("SUBSCRIBE")).all("Record-Route") if re.search(r"sip:[\w-]{44}@", r))
    token = re.search(r"sip:([^@]+)@", route)[1]
    forged = route.replace(token, ("A" if token[5] != "A" else "B").join((token[:5], token[6:])))
    for bad in (forged, route.replace(token, "ann"), route.replace(token, token[:-1])):
        answer = await phone.ask(phone.text("MESSAGE", m.uri, [f"Route: {bad}"]), to=gateway)
        assert answer.status == 403, answer.text
    answer = await phone.ask(phone.text("MESSAGE", m.uri, [f"Route: {route}"]), to=gateway)
    assert answer.status == 200, answer.text
    answer = await phone.ask(phone.text("MESSAGE", "sip:x@elsewhere.example"), to=gateway)
    assert answer.status == 404, answer.text
    await ann.close()
    await asyncio.sleep(0.3)
    answer = await phone.ask(phone.text("MESSAGE", m.uri, [f"Route: {route}"]), to=gateway)
    assert answer.status == 430, answer.text
    answer = await phone.request("MESSAGE", ann.aor)
    assert answer.status == 430, answer.text
    await phone.close()


async def a_new_connection_of_the_same_instance_takes_over(lab):
    """SIG-017"""
    ann, phone = await lab.client("ann", instance="urn:uuid:11111111-aaaa"), await lab.phone()
    again = await lab.client("ann", instance="urn:uuid:11111111-aaaa")
    answers = await phone.request("MESSAGE", ann.aor, body="x", headers=["Content-Type: text/plain"])
    assert answers.status == 200, answers.text
    await again.next("MESSAGE")
    assert (await ann.request("MESSAGE", phone.aor)).status == 403
    assert (await again.request("MESSAGE", phone.aor)).status == 200
    assert (await again.register(contact="*", expires=0)).status == 200
    await asyncio.gather(ann.close(), again.close(), phone.close())


async def subscriptions_work_both_ways(lab):
    """Dialogs made through the proxy: NOTIFY and refreshes come back over Record-Route, whoever subscribed."""
    ann, phone = await lab.client("ann"), await lab.phone()
    for a, b in ((ann, phone), (phone, ann)):
        b.answers["SUBSCRIBE"] = (200, "OK", [f"Contact: {b.contact}", "Expires: 600"])
        call = dict(From=f"<{a.aor}>;tag=sub", Call_ID=f"sub-{a.user}")
        ok = await a.request("SUBSCRIBE", b.aor, [f"Contact: {a.contact}", "Event: presence", "Expires: 600"], **call)
        assert ok.status == 200, ok.text
        sub = await b.next("SUBSCRIBE")
        # b notifies along the Route set of its dialog
        routes = [f"Route: {r}" for r in sub.all("Record-Route")]
        text = b.text("NOTIFY", sub.uri_of("Contact"), [*routes, "Event: presence", f"Contact: {b.contact}",
                      "Subscription-State: active;expires=500"], From=f"<{b.aor}>;tag={b.user}-tag", To=f"<{a.aor}>;tag=sub",
                      Call_ID=f"sub-{a.user}")
        assert (await b.ask(text)).status == 200
        await a.next("NOTIFY")
        # a refreshes and ends it
        routes = [f"Route: {r}" for r in reversed(ok.all("Record-Route"))]
        text = a.text("SUBSCRIBE", ok.uri_of("Contact"), [*routes, f"Contact: {a.contact}", "Event: presence",
                      "Expires: 0"], From=f"<{a.aor}>;tag=sub", To=ok["To"], Call_ID=f"sub-{a.user}")
        answer = await a.ask(text)
        assert answer.status == 200, answer.text
        await b.next("SUBSCRIBE")
    text = ann.text("SUBSCRIBE", phone.aor, ["Event: presence"], To=f"<{phone.aor}>;tag=unknown")
    assert (await ann.ask(text)).status == 481
    await asyncio.gather(ann.close(), phone.close())


async def hops_and_extensions_are_checked(lab):
    ann = await lab.client("ann")
    assert (await ann.request("MESSAGE", "sip:bob@ims.example", Max_Forwards="0")).status == 483
    answer = await ann.request("MESSAGE", "sip:bob@ims.example", ["Proxy-Require: foo, mediasec"])
    assert answer.status == 420 and answer["Unsupported"] == "foo", answer.text
    await ann.close()


async def a_call_says_who_calls_and_nothing_of_the_network(lab):
    """REG-010, REG-003: the phone hears a registered identity whatever is claimed, the browser hears no charging."""
    ann, phone = await lab.client("ann", kind=Party), await lab.phone(kind=Party)
    call = asyncio.ensure_future(ann.call(phone.aor, ["P-Asserted-Identity: <sip:eve@ims.example>", "X-Own: kept"]))
    invite = await phone.next("INVITE")
    assert invite.all("P-Asserted-Identity") == [f"<{ann.aor}>"] and invite["X-Own"] == "kept", invite.text
    assert "RTP/AVP " in invite.body and "fingerprint" not in invite.body, invite.text
    await phone.answer(invite)
    assert (await (await call).request("BYE")).status == 200
    await phone.next("BYE")
    call = asyncio.ensure_future(phone.call(ann.aor))
    invite = await ann.next("INVITE")
    assert invite.all("P-Asserted-Identity") == [f"<{phone.aor}>"] and invite["P-Charging-Vector"] is None, invite.text
    assert "UDP/TLS/RTP/SAVPF" in invite.body, invite.text
    await ann.answer(invite)
    assert (await (await call).request("BYE")).status == 200
    await ann.next("BYE")
    await asyncio.gather(ann.close(), phone.close())


async def an_emergency_call_needs_no_registration(lab):
    """It goes to the E-CSCF, without an identity that nobody vouched for."""
    ann = await lab.client("ann", register=False, kind=Party)
    ecscf = await Party("ecscf", "ims.example").open_udp(lab.ecscf, (HOST, lab.sip), ADDRESS)
    call = asyncio.ensure_future(ann.call("urn:service:sos.police", ["P-Asserted-Identity: <sip:eve@ims.example>"]))
    invite = await ecscf.next("INVITE")
    assert invite.uri == "urn:service:sos.police" and not invite["P-Asserted-Identity"], invite.text
    await ecscf.answer(invite)
    assert (await (await call).request("BYE")).status == 200
    await ecscf.next("BYE")
    refused = await ann.ask(ann.text("INVITE", "sip:bob@ims.example", [f"Contact: {ann.contact}"]))
    assert refused.status == 403, refused.text
    await asyncio.gather(ann.close(), ecscf.close())


async def nothing_is_left_of_many_that_vanish(lab):
    """Connections that are reset in the middle of things: their registrations expire, their requests end."""
    before = lab.metrics()
    crowd = await asyncio.gather(*(lab.client("ann", expires=2) for _ in range(60)))
    assert lab.metrics()["imsgw_registrations"] >= before["imsgw_registrations"] + 60
    for c in crowd:
        c.send(c.text("MESSAGE", c.aor, ["Content-Type: text/plain"], body="to all of us"))
        c.send(c.text("SUBSCRIBE", c.aor, [f"Contact: {c.contact}", "Event: presence"]))
    await asyncio.sleep(0.2)
    for c in crowd:
        c.ws.transport.abort()
    await asyncio.sleep(7)
    after = lab.metrics()
    assert after["imsgw_registrations"] <= before["imsgw_registrations"], after
    assert after["imsgw_ws_connections"] <= before["imsgw_ws_connections"], after


def the_core_wire_is_as_it_should_be(lab):
    """REG-001 to REG-004, REG-007, SIG-013, by tshark: nothing malformed, our headers there, claims gone."""
    bad = lab.frames(f"_ws.malformed && {lab.to_core}") # what we send; a stream of the core may be cut where we read slowly
    assert not bad, bad
    registers = lab.frames(f"sip.Method == REGISTER && {lab.to_core}")
    assert len(registers) > 10, registers
    icids, transactions = set(), set() # a busy core makes us repeat ourselves
    for r in registers:
        path = r"Path: <sip:[A-Za-z0-9_-]{44}@%s:%d%s;lr%s>" % (re.escape(ADDRESS), lab.sip, f";transport={TRANSPORT}" *
                bool(TRANSPORT), ";ob" * ("reg-id" in r))
        assert re.search(path, r), r
        assert "Require: path" in r and 'P-Visited-Network-ID: "visited.example"' in r, r
        assert 'orig-ioi="Type 1visited.example"' in r and "Bearer" not in r, r
        assert "Route:" not in r.replace("Service-Route:", ""), r
        if "Authorization:" in r:
            assert re.search(r'integrity-protected="(tls-pending|tls-yes|auth-done)"', r), r
        icids.add(re.search(r'icid-value="([^"]+)"', r)[1])
        transactions.add(re.search(r"branch=([^;,\s\\]+)", r)[1])
    assert len(icids) == len(transactions)
    assert any('integrity-protected="tls-yes"' in r for r in registers)
    messages = lab.frames(f"sip.Method == MESSAGE && {lab.to_core}")
    assert messages and all("eve@ims.example" not in m.split("P-Asserted-Identity")[1][:60] for m in messages), messages
    assert lab.frames(f"tcp.dstport == {lab.core} && sip.Method == MESSAGE"), "the large message did not go over TCP"
    calls = lab.frames(f"sip.Method == INVITE && {lab.to_core}")
    assert calls, "no call left the gateway"
    for c in calls: # the icid of a call stays its own in the whole dialog
        call_id, icid = (re.search(p, c)[1] for p in (r"Call-ID: (\S+?)(?:,|\\r|\s)", r'icid-value="([^"]+)"'))
        later = lab.frames(f'sip.Call-ID == "{call_id}" && sip.Method == BYE && {lab.to_core}')
        assert icid not in icids and later and all(f'icid-value="{icid}"' in r for r in later), (c, later)
    counted = lab.metrics()
    taken = sum(v for k, v in counted.items() if k.startswith("imsgw_pcscf_requests_total"))
    sums = r"imsgw_pcscf_(relayed|calls|in_calls|answered|refused)_total"
    told = sum(v for k, v in counted.items() if re.match(sums, k))
    assert taken == told > 50, counted
    for m in messages:
        assert "P-Charging-Vector: icid-value=" in m and "Route: <sip:orig@" in m, m


CASES = [registers_with_digest, signs_in_with_a_web_token, registrar_failures_pass, messages_pass_both_ways, large_messages_pass,
         options_are_answered_by_whom_they_name, unregistered_and_foreign_identities_stay_out, a_registration_expires,
         tokens_cannot_be_forged_and_lost_connections_say_so, a_new_connection_of_the_same_instance_takes_over,
         subscriptions_work_both_ways, hops_and_extensions_are_checked,
         a_call_says_who_calls_and_nothing_of_the_network, an_emergency_call_needs_no_registration,
         nothing_is_left_of_many_that_vanish]

run(CASES, at_end=the_core_wire_is_as_it_should_be if TRANSPORT != "tls" else None) # which nobody can read
