// Lines of two texts side by side: what stayed, what went, what came. The longest common subsequence; SDP is short.
export function diff(before, after) {
  const [a, b] = [before, after].map((text) => text.split(/\r?\n/).filter(Boolean));
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      common[i][j] = a[i] === b[j] ? common[i + 1][j + 1] + 1 : Math.max(common[i + 1][j], common[i][j + 1]);
  const rows = [];
  let gone = [];
  let come = [];
  const flush = () => {
    for (let n = 0; n < Math.max(gone.length, come.length); n++) rows.push({ before: gone[n], after: come[n] });
    gone = [];
    come = [];
  };
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      flush();
      rows.push({ before: a[i++], after: b[j++], isSame: true });
    } else if (j === b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) {
      gone.push(a[i++]);
    } else {
      come.push(b[j++]);
    }
  }
  flush();
  return rows;
}
