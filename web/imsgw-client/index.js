// imsgw-client: data channels of a call as sessions. Start at README.md.
export { CallChannels, attachJsSip, sipJsFactory } from './channels.js';
export { MsrpSession } from './msrp_session.js';
export { IncomingFile } from './msrp_incoming.js';
export { BfcpSession } from './bfcp_session.js';
export { RttSession } from './rtt_session.js';
export { FaxPage, FaxSession } from './fax_session.js';
export { MsrpError } from './codec/msrp.js';
export { BfcpError } from './codec/bfcp.js';
