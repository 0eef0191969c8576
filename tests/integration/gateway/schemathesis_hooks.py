"""What schemathesis sends as a file. It is loaded by its command, not by pytest."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies as st

_HEADER = "S. No.,Product Name,Input Image Urls\n"
_ROWS = st.lists(
    st.sampled_from(
        [
            "1,Mug,http://a.example/1.jpg\n",
            '2,Cup,"http://a.example/2.jpg,http://b.example/3.png"\n',
            "3,None,\n",
            "4,Bad,n/a\n",
            '5,"open,http://a.example\n',
        ]
    ),
    max_size=5,
)
_FILES = st.one_of(_ROWS.map(lambda rows: (_HEADER + "".join(rows)).encode()), st.binary())

for media_type in (
    "text/csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
):
    schemathesis.openapi.media_type(media_type, _FILES)
