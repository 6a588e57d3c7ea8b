import { describe, expect, it } from 'vitest';
import { html } from './html.js';

/** Names of keys, people and errors are other people's text. */
describe('markup', () => {
  it('escapes whatever is put into it, also in attributes', () => {
    const hostile = `"><script>alert('x')</script>&`;
    expect(html`<b title="${hostile}">${hostile}</b>`.text).toBe(
      '<b title="&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;">&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;</b>',
    );
  });

  it('takes markup as it is, and nothing for nothing', () => {
    expect(html`<p>${html`<i>${1}</i>`}${null}${undefined}${[html`<b></b>`, html`<u></u>`]}</p>`.text).toBe(
      '<p><i>1</i><b></b><u></u></p>',
    );
  });
});
