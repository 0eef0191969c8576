"""Paths and queries as people write them, with the request target that must go onto the wire."""

from __future__ import annotations

#: They go out byte for byte; a server that checks a signature over them sees what was signed.
VERBATIM = (
    "/", "/a.jpg", "/a%2Fb.jpg?u=a%2Fb", "/a%3Fb.jpg?u=a%3Fb", "/a%7Eb.jpg?u=a%7Eb~c",
    "/a%2Bb.jpg?u=a%2Bb", "/a+b.jpg?u=a+b", "/a|b.jpg?u=a|b", "/a;b=1.jpg?u=a;b",
    "/a%2fb.jpg?u=%c3%bc", "/a%C3%bC.jpg", "/a?", "/a??b", "/a?b?c", "/a?&&b=&=c&", "/?x=1",
    "//a//b.jpg", "//", "/./a.jpg", "/../a.jpg", "/a/./b/../c.jpg", "/a/.", "/..", "/%2e%2e/a.jpg",
    "/%61.jpg", "/a%.jpg", "/a%zz.jpg", "/a,b.jpg", "/w_300,h_300/a.jpg", "/a:b@c.jpg",
    "/a'b(c)!*$&=.jpg", '/a"b.jpg', "/a<b>c.jpg", "/a{b}c[d]^e`f.jpg", "/a?u=http://x@127.0.0.1/",
    "/a%25b.jpg", "/a%00b.jpg", "/a%0d%0aX-A:%20b.jpg",
    "/image.jpg?Expires=1&Signature=aBc~dEf-gHi_jKl%2FmNo%3D&Key-Pair-Id=K1",
)  # fmt: skip
#: What stands in the list, and what HTTP can carry of it.
ENCODED = {
    "": "/",
    "?x=1": "/?x=1",
    "?": "/?",
    "#part": "/",
    "/a#part": "/a",
    "/a?#part": "/a?",
    "/a?b#c?d": "/a?b",
    "/a b.jpg": "/a%20b.jpg",
    "/a  b.jpg?q=c d": "/a%20%20b.jpg?q=c%20d",
    "/a\tb.jpg": "/a%09b.jpg",
    "/a\r\nX-A: b": "/a%0D%0AX-A:%20b",
    "/a\x00b\x7f": "/a%00b%7F",
    "/größe.jpg?q=ü": "/gr%C3%B6%C3%9Fe.jpg?q=%C3%BC",
    "/絵.jpg": "/%E7%B5%B5.jpg",
    "/😀%2F.jpg": "/%F0%9F%98%80%2F.jpg",
    "/a\u00a0b": "/a%C2%A0b",
}
