"""The records of a zip file, shared by writer and reader.

After PKWARE's APPNOTE 6.3.10 (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT). The two headers that every
entry has are NumPy records, so that thousands are made, or parsed, at once.
"""

import struct
from typing import Final

import numpy as np

STORED: Final = 0
DEFLATED: Final = 8

LOCAL_MAGIC: Final = b"PK\x03\x04"
CENTRAL_MAGIC: Final = b"PK\x01\x02"
END_MAGIC: Final = b"PK\x05\x06"
END64_MAGIC: Final = b"PK\x06\x06"
LOCATOR64_MAGIC: Final = b"PK\x06\x07"

LOCAL: Final = np.dtype(
    [
        ("magic", "<u4"), ("version", "<u2"), ("flags", "<u2"), ("method", "<u2"), ("time", "<u2"), ("date", "<u2"),
        ("crc", "<u4"), ("stored", "<u4"), ("whole", "<u4"), ("name", "<u2"), ("extra", "<u2"),
    ]
)  # fmt: skip
"""The header in front of an entry's name and data: `stored` bytes of data that become `whole` bytes."""

CENTRAL: Final = np.dtype(
    [
        ("magic", "<u4"), ("maker", "<u2"), ("version", "<u2"), ("flags", "<u2"), ("method", "<u2"), ("time", "<u2"),
        ("date", "<u2"), ("crc", "<u4"), ("stored", "<u4"), ("whole", "<u4"), ("name", "<u2"), ("extra", "<u2"),
        ("comment", "<u2"), ("disk", "<u2"), ("internal", "<u2"), ("external", "<u4"), ("offset", "<u4"),
    ]
)  # fmt: skip
"""An entry's record in the central directory, in front of its name, extra field and comment."""

END_RECORD: Final = struct.Struct("<4sHHHHIIH")
END64_RECORD: Final = struct.Struct("<4sQHHIIQQQQ")
LOCATOR64: Final = struct.Struct("<4sIQI")

EXTRA_HEADER: Final = struct.Struct("<HH")
EXTRA64_LOCAL: Final = struct.Struct("<HHQQ")
EXTRA64_OFFSET: Final = np.dtype([("id", "<u2"), ("size", "<u2"), ("offset", "<u8")])
EXTRA64_ID: Final = 1

LIMIT_32: Final = 0xFFFFFFFF
LIMIT_16: Final = 0xFFFF

VERSION: Final = 20
VERSION_64: Final = 45
MAKER_UNIX: Final = 3 << 8
DATE: Final = 0x21  # 1980-01-01, as NumPy writes
REGULAR_FILE: Final = 0o100600 << 16  # as zipfile writes

FLAG_ENCRYPTED: Final = 1
FLAG_SIZES_BEHIND: Final = 8
