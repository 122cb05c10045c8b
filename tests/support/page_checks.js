// Checks of a page, each answering with what is wrong; page_checks.py says what they are for.
({
  tooFaint: least => {
    const context = Object.assign(document.createElement('canvas'), {width: 1, height: 1}).getContext('2d', {willReadFrequently: true});
    const known = new Map();
    const rgba = css => {
      if (!known.has(css)) {
        context.clearRect(0, 0, 1, 1); context.fillStyle = css; context.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
        known.set(css, [r, g, b, a / 255]);
      }
      return known.get(css);
    };
    const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
    const light = colour => {
      const [r, g, b] = colour.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = element => {
      const layers = [];
      for (let e = element; e; e = e.parentElement) {
        const colour = rgba(getComputedStyle(e).backgroundColor);
        if (colour[3] > 0) layers.push(colour);
        if (colour[3] === 1) break;
      }
      return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
    };
    const wrong = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const words = walker.currentNode.nodeValue.trim(), element = walker.currentNode.parentElement;
      if (!words || !element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
      if (element.closest('script, style, noscript, [aria-hidden=true], :disabled, [data-testid=stIconMaterial]')) continue;
      const box = element.getBoundingClientRect();
      if (box.width <= 1 || box.height <= 1) continue;
      let alpha = 1;
      for (let e = element; e; e = e.parentElement) alpha *= Number(getComputedStyle(e).opacity);
      const under = behind(element), text = rgba(getComputedStyle(element).color);
      const seen = over([text[0], text[1], text[2], text[3] * alpha], under);
      const [high, low] = [light(seen), light(under)].sort((a, b) => b - a);
      const ratio = (high + 0.05) / (low + 0.05);
      if (ratio < least) wrong.push(`${ratio.toFixed(2)}: ${words.slice(0, 40)} <${element.tagName.toLowerCase()} class="${element.className}">`);
    }
    return [...new Set(wrong)];
  },

  nameless: () => {
    const text = element => (element ? element.innerText || element.textContent || '' : '').trim();
    const name = element =>
      element.getAttribute('aria-label')?.trim()
      || (element.getAttribute('aria-labelledby') || '').split(/\s+/).filter(Boolean).map(id => text(document.getElementById(id))).join(' ').trim()
      || [...(element.labels || [])].map(text).join(' ').trim() || [...(element.labels || [])].map(l => l.getAttribute('aria-label') || '').join('')
      || text(element) || element.querySelector('img')?.alt || element.title || '';
    const controls = 'a[href], button, input:not([type=hidden]), select, textarea, summary, '
      + '[role=button], [role=link], [role=checkbox], [role=radio], [role=combobox], [role=switch], [role=tab]';
    return [...document.querySelectorAll(controls)]
      .filter(element => element.checkVisibility({visibilityProperty: true}) && !element.closest('[aria-hidden=true]') && !name(element))
      .map(element => `no name: ${element.outerHTML.slice(0, 120)}`);
  },

  wordless: () => {
    const named = e => (e.getAttribute('alt') ?? e.getAttribute('aria-label') ?? '').trim()
      || (e.getAttribute('aria-labelledby') || '').split(/\s+/).some(id => document.getElementById(id)?.textContent.trim());
    const bare = [...document.querySelectorAll('img')].filter(e => e.getAttribute('alt') === null && !e.closest('[aria-hidden=true]'));
    const unsaid = [...document.querySelectorAll('[role=img], [role=graphics-document]')]
      .filter(e => !named(e) && !e.closest('[aria-hidden=true]'));
    const charts = [...document.querySelectorAll('[data-testid=stVegaLiteChart]')]
      .filter(e => ![e, ...e.querySelectorAll('*'), ...(e.parentElement ? [e.parentElement] : [])].some(named));
    return [...bare, ...unsaid, ...charts].map(e => `no words: ${e.outerHTML.slice(0, 120)}`);
  },

  sideways: () => {
    const main = document.querySelector('[data-testid=stMain]'), wide = document.documentElement.clientWidth;
    const wrong = [];
    if (document.documentElement.scrollWidth > wide) wrong.push(`the page is ${document.documentElement.scrollWidth} px wide`);
    if (main.scrollWidth > main.clientWidth) wrong.push(`the main part is ${main.scrollWidth} px wide`);
    const scrolls = e => { for (; e && e !== main; e = e.parentElement) if (/auto|scroll|hidden/.test(getComputedStyle(e).overflowX)) return true; };
    for (const e of main.querySelectorAll('*'))
      if (e.getBoundingClientRect().right > wide + 1 && e.checkVisibility({visibilityProperty: true}) && !scrolls(e.parentElement))
        wrong.push(`beyond the screen: ${e.outerHTML.slice(0, 100)}`);
    return wrong;
  },

  headless: () => {
    const shown = [...document.querySelectorAll('h1')].filter(e => e.checkVisibility() && e.innerText.trim());
    return shown.length === 1 ? [] : [`${shown.length} headings h1: ${shown.map(e => e.innerText)}`];
  },
})
