// 200 names that try to be more than text, and as many harmless ones of the same places.
const open = "<";
const tags = ["script>alert(1)</script", "img src=x onerror=alert(1)", "svg onload=alert(1)", "iframe src=javascript:alert(1)", "body onload=alert(1)",
  "a href=javascript:alert(1)>x</a", "style>*{display:none}</style", "link rel=stylesheet href=//evil.example/x.css", "meta http-equiv=refresh content=0;url=//evil.example",
  "base href=//evil.example/", "object data=//evil.example", "embed src=//evil.example", "form action=//evil.example", "input autofocus onfocus=alert(1)",
  "video src=x onerror=alert(1)", "audio src=x onerror=alert(1)", "details open ontoggle=alert(1)", "marquee onstart=alert(1)", "math href=javascript:alert(1)", "template>{{x}}</template",
  "textarea>", "title>", "noscript>", "plaintext>", "xmp>", "select>", "table>", "svg><script>alert(1)</script", "isindex", "keygen autofocus onfocus=alert(1)"];
const others = ["</script><script>alert(1)</script>", "</SCRIPT >", "<!--<script>", "<!--", "-->", "]]>", "<![CDATA[", "<?php system('id')?>", "<!--#exec cmd=id-->", "<%=7*7%>",
  "{{7*7}}", "${7*7}", "#{7*7}", "{{constructor.constructor('alert(1)')()}}", "javascript:alert(1)", "data:text/html,x", "\"onmouseover=alert(1)", "'onmouseover=alert(1)",
  "\\u003cscript\\u003e", "\\x3cscript\\x3e", "&lt;script&gt;", "&#60;script&#62;", "%3Cscript%3E", "__proto__", "constructor", "toString", "hasOwnProperty", "#endpoint-0", "?sort=x",
  "\u202eevil\u202c", "\u2066x\u2069", "a\u200bb", "a\u200db", "\ufeffx", "\u2028x", "\u2029x", "e\u0301\u0301\u0301\u0301", "\u0007x", "\u001b[2Jx", "\u009b31mx", "\u{e0041}\u{e0042}", "\ud83d\ude00",
  "`${alert(1)}`", "';alert(1);//", "\";alert(1);//", "\\\";alert(1);//", "+ADw-script+AD4-", "\u00bcscript\u00be", "<<script>alert(1)//<</script>", "url(//evil.example)", "expression(alert(1))"];

export const payloads = [];
for (const tag of tags) payloads.push(`${open}${tag}>`, `">${open}${tag}>`, `'>${open}${tag}>`, `</script>${open}${tag}>`, `--></style>${open}${tag}>`);
payloads.push(...others);

// JSON lines, in which every character can be said; each endpoint is as busy as no other.
export function log(name) {
  const lines = [];
  for (let n = 0; n < payloads.length; n += 1) {
    for (let request = 0; request < 3; request += 1) {
      const text = name(n);
      lines.push(JSON.stringify({
        time: `2026-03-01T12:${String(request * 20).padStart(2, "0")}:00Z`, request_method: "GET", uri: `/${"abcdefghijklmnopqrst"[n % 20]}/${text}`, status: n % 7 ? 200 : 500,
        request_time: (1 + n) / 100, host: text, http_user_agent: text, upstream_addr: text, upstream_response_time: ((1 + n) / 100).toFixed(3), upstream_header_time: ((1 + n) / 100).toFixed(3),
        upstream_http_server_timing: `${n % 2 ? "db" : "cache"};dur=1`, remote_addr: text, http_referer: text,
      }));
    }
  }
  return `${lines.join("\n")}\n`;
}
