'use strict';

// Filters and sorts the list of runs, and opens the comparison of two.
(() => {
  const table = document.getElementById('runs');
  const filter = document.getElementById('filter');
  const compare = document.getElementById('compare');
  const body = table.tBodies[0];
  if (!filter) return;

  filter.addEventListener('input', () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const row of body.rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });

  const value = (row, column) => {
    const text = row.cells[column].dataset.sort || row.cells[column].textContent;
    const number = parseFloat(text);
    return Number.isNaN(number) || column < 6 ? text : number;
  };
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    if (!head.textContent) return;
    const button = document.createElement('button');
    button.textContent = head.textContent;
    head.replaceChildren(button);
    let direction = -1;
    button.addEventListener('click', () => {
      direction = -direction;
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        return x === y ? 0 : (x > y ? direction : -direction);
      });
      body.append(...rows);
    });
  });

  const chosen = () => [...body.querySelectorAll('input:checked')].map((box) => box.value);
  body.addEventListener('change', () => { compare.disabled = chosen().length !== 2; });
  compare.addEventListener('click', () => {
    const [b, a] = chosen();
    location.href = `/compare?a=${encodeURIComponent(a)}&b=${encodeURIComponent(b)}`;
  });
})();
