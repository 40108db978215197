// What the parts of the page share.

export const $ = (id) => document.getElementById(id);

// A new element with properties and children (elements or text).
export function make(tag, props = {}, ...children) {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
}

// A line in "What happened".
export function note(text) {
  $('events').prepend(make('li', {}, make('time', { textContent: new Date().toLocaleTimeString('en-GB') }), text));
  while ($('events').children.length > 100) $('events').lastChild.remove();
}

export const size = (octets) =>
  octets < 1000
    ? `${octets} B`
    : octets < 1e6
      ? `${(octets / 1e3).toFixed(0)} kB`
      : `${(octets / 1e6).toFixed(1)} MB`;
