// Passing a call on: at once, or after a word with who shall have it.
import { $, note } from './page.js';

export function wireTransfer(phone, toUri, withSource) {
  $('transfer').addEventListener('click', () => {
    $('transfer-form').hidden = !$('transfer-form').hidden;
    if (!$('transfer-form').hidden) $('transfer-to').focus();
  });
  $('transfer-form').addEventListener('submit', (e) => {
    e.preventDefault();
    const target = toUri($('transfer-to').value.trim());
    $('transfer-form').hidden = true;
    $('transfer-to').value = '';
    if (e.submitter?.value === 'ask') withSource(false, (stream) => phone.consult(target, stream));
    else phone.transfer(target);
  });
  $('complete').addEventListener('click', () => phone.complete());
  phone.addEventListener('transfer', ({ detail: { state, why } }) => {
    document.body.classList.toggle('consulting', state === 'consulting');
    note(
      {
        consulting: 'first call on hold; complete the transfer when you have talked',
        sent: 'transfer asked for',
        done: 'the call is passed on',
        failed: `transfer failed: ${why}`,
        asked: `asked to call ${why}`,
        back: `${why}; back with the first call`,
      }[state],
    );
  });
}
