"""Bodies of .npz, .safetensors and forms with .npy and .csv files."""

import io
import json
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from tests.formats.files import form, npy, npy_of, npz, safetensors, safetensors_of, zipped
from tests.hostile.case import CANARY, FINE, REFUSED, Case

__all__ = ["cases"]

NPZ: Final = "application/x-npz"
SAFETENSORS: Final = "application/vnd.safetensors"
FORM: Final = "multipart/form-data; boundary=bound"

X = np.array([[0.0, 1.0], [2.0, 3.0]])
Y = np.array([[1.0, 1.0], [0.0, 0.0]])
SQUARED = 7.0
SHAPE = "'fortran_order': False, 'shape': (2, 2), }"


def cases() -> Iterator[Case]:
    """Give them all."""
    yield from _good()
    for name, file, statuses in _npy_files():
        yield Case(f"npy in npz: {name}", zipped({"x.npy": file, "y.npy": npy(Y)}), statuses, NPZ)
        yield Case(f"npy in form: {name}", form(("x", file), ("y", npy(Y))), statuses, FORM)
    yield from _archives()
    yield from _tensors()
    yield from _tables()
    yield from _forms()
    yield from _damaged()


def _good() -> Iterator[Case]:
    for kind in ("<f8", ">f8", "<f4", ">f4", "<f2", ">f2", "b1", "i1", "<i2", ">i4", "<i8", "u1", "<u2", ">u4", ">u8"):
        x, y = X.astype(kind), Y.astype(kind)
        value = None if kind == "b1" else SQUARED
        for order in ("C", "F"):
            arrays: dict[str, Any] = {"x": np.asarray(x, order=order), "y": np.asarray(y, order=order)}
            yield Case(f"npz {kind} {order}", npz(**arrays), FINE, NPZ, value=value)
            yield Case(f"npz {kind} {order} packed", npz(compressed=True, **arrays), FINE, NPZ, value=value)
            yield Case(f"form {kind} {order}", form(("x", npy(arrays["x"])), ("y", npy(arrays["y"]))), FINE, FORM)
        if kind[0] != ">":
            yield Case(f"safetensors {kind}", safetensors(x=x, y=y), FINE, SAFETENSORS, value=value)
    for version in ((1, 0), (2, 0), (3, 0)):
        body = zipped({"x.npy": npy(X, version), "y.npy": npy(Y, version)})
        yield Case(f"npy version {version}", body, FINE, NPZ, value=SQUARED)
    mixed = form(("x", npy(X)), ("y", b"1,1\n0,0\n"), ("beta", "2"), ("loss", "mse"))
    yield Case("npy and csv", mixed, FINE, FORM, value=SQUARED)
    long = npz(x=np.tile(X, (500, 400)), y=np.tile(Y, (500, 400)))
    yield Case("npz of 800,000 numbers", long, FINE, NPZ, value=SQUARED * 400)
    for accept in ("application/x-npz", "application/json"):
        yield Case(f"npz answered as {accept}", npz(x=X, y=Y), FINE, NPZ, headers={"Accept": accept})


def _header(descr: str, rest: str = SHAPE) -> str:
    return f"{{'descr': {descr}, {rest}"


def _npy_files() -> Iterator[tuple[str, bytes, frozenset[int]]]:
    """Give .npy files, each with what a service may answer."""
    data = X.tobytes()
    yield "good", npy_of(_header("'<f8'"), data), FINE
    # Magic, version, length of the header.
    yield "empty", b"", REFUSED
    whole = npy(X)
    for stop in (1, 5, 6, 7, 8, 9, 10, 11, 40, 60, 127, 128, 129, len(whole) - 1):
        yield f"cut at {stop}", whole[:stop], REFUSED
    yield "with a tail", whole + b"\0", REFUSED
    yield "other magic", b"\x93NUMPX" + whole[6:], REFUSED
    for version in ((0, 0), (0, 1), (1, 1), (3, 1), (4, 0), (9, 9), (255, 255)):
        yield f"version {version}", whole[:6] + bytes(version) + whole[8:], REFUSED
    for length in (0, 1, 2, 117, 119, 65535):
        yield f"header length {length}", whole[:8] + struct.pack("<H", length) + whole[10:], REFUSED
    for length in (0, 2**31, 2**32 - 1):
        changed = whole[:6] + b"\2\0" + struct.pack("<L", length) + whole[10:]
        yield f"header length {length} of version 2", changed, REFUSED
    # Text of the header.
    texts = (
        "", " ", "{}", "[]", "()", "1", "None", "{'descr': '<f8'}", "{'descr': '<f8', 'shape': (2, 2)}",
        "{'shape': (2, 2), 'fortran_order': False}", "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2)",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), 'more': 1}", "{[]: 1}", "((((" * 500,
        "-" * 9000 + "1", "{" * 3000, "'" * 500, "\n  x\n y", "__import__('os').abort()",
        "{'descr': __import__('os').abort(), 'fortran_order': False, 'shape': (2, 2), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), 'shape': (1, 4), }",
        "{'descr': '<f8', 'fortran_order': 0, 'shape': (2, 2), }",
        "{'descr': '<f8', 'fortran_order': 'False', 'shape': (2, 2), }",
        "{'descr': '<f8', 'fortran_order': None, 'shape': (2, 2), }",
        "{'DESCR': '<f8', 'fortran_order': False, 'shape': (2, 2), }", "lambda: 0", "9" * 5000, "0x" + "f" * 5000,
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }; import os", "\x00" * 50, "\xff\xfe" * 20,
        '{"descr": "<f8", "fortran_order": false, "shape": [2, 2]}',
    )  # fmt: skip
    for index, text in enumerate(texts):
        yield f"header {index} {text[:20]!r}", npy_of(text, data), REFUSED
    # Shapes.
    shapes = (
        "(-1,)", "(-2, -2)", "(2, -2)", "(4294967296, 4294967296)", "(2, 9223372036854775809)",
        "(18446744073709551616,)",
        "(0, 18446744073709551616)", "(2, 3)", "(2, 1)", "(4,5)", "(True, 4)", "(2.0, 2)", "('2', 2)", "[2, 2]", "2",
        "(2, 2", "(1000000000000,)", "(1099511627776, 1)", "(2, (2,))", "(2, None)", "(2j, 2)", "(1e1, 2)", "(02, 2)",
        "(0x2, 2)", "(2 2)", "(2,, 2)", "(2, 2, 0)", "(0,)", "(0, 5)", "()", "(" + "1, " * 65 + "4)",
        "(" + "9" * 4000 + ",)", "(-0, 4)", "(+4,)", "(*(2, 2),)", "(4 ** 1,)", "(2_2,)", "(\u0664,)",
    )  # fmt: skip
    for shape in shapes:
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode("latin-1", "replace")
        yield f"shape {shape[:30]}", npy_of(header, data), REFUSED
    # Types.
    types = (
        "'|O'", "'O'", "'|V8'", "'|V0'", "'|S8'", "'|S0'", "'<U2'", "'<U0'", "'<c16'", "'<c8'", "'<M8[s]'", "'<m8[ns]'",
        "[('a', '<f8')]", "[('a', '<f4'), ('b', '<f4')]", "[]", "()", "('<f8', (2,))", "'<f8,<f8'", "'float64'",
        "'<f3'",
        "'<f99999999999'", "'<i16'", "'<b8'", "'?8'", "'zz'", "''", "None", "1", "'|V2147483647'", "'<g8'", "'<e'",
        "{'names': ['a'], 'formats': ['<f8']}", "'\\x00'", "'<f8' '<f8'", "b'<f8'", "'object'", "'<f16'",
    )  # fmt: skip
    for text in types:
        yield f"type {text}", npy_of(_header(text), data), REFUSED | FINE if text == "'<f16'" else REFUSED
    pickled = io.BytesIO()
    np.lib.format.write_array(pickled, np.array([_Bomb(), CANARY], dtype=object), allow_pickle=True)
    yield "pickled objects", pickled.getvalue(), REFUSED
    yield "a pickle", pickle.dumps(_Bomb()), REFUSED
    void = "{'descr': '|V0', 'fortran_order': False, 'shape': (1000000000000,), }"
    yield "type V0 of 10^12 elements", npy_of(void), REFUSED
    # Elements.
    for name, value in {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}.items():
        for kind in ("<f8", "<f4", ">f2"):
            bad = X.astype(kind)
            bad[1, 0] = value
            yield f"{name} of {kind}", npy(bad), frozenset({422})
    yield "signalling NaN", npy_of(_header("'<f8'"), b"\1\0\0\0\0\0\xf0\x7f" * 4), frozenset({422})
    yield "booleans of 2", npy_of(_header("'|b1'"), b"\0\1\2\1"), REFUSED
    yield "long doubles", npy(X.astype(np.longdouble)), FINE | REFUSED
    yield "a longer array", npy(np.zeros((3, 2))), frozenset({422})
    yield "a scalar", npy(np.float64(1)), frozenset({422})


class _Bomb:
    """Something that fails the service if it is ever unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (exec, ("raise SystemExit('unpickled')",))


def _archives() -> Iterator[Case]:
    """Give archives that are wrong as archives."""
    good = npz(x=X, y=Y)
    both = {"x.npy": npy(X), "y.npy": npy(Y)}

    def of(name: str, body: bytes, statuses: frozenset[int] = REFUSED, **more: Any) -> Case:  # noqa: ANN401 - any field
        return Case(f"npz: {name}", body, statuses, NPZ, **more)

    yield of("empty", b"", frozenset({400}))
    yield of("no archive", CANARY.encode(), frozenset({400}))
    yield of("an archive of nothing", zipped({}), frozenset({422}), pointer="/x")
    yield of("JSON", json.dumps({"x": [1], "y": [1]}).encode(), frozenset({400}))
    yield of("something in front", b"\0" + good)
    yield of("something behind", good + b"\0")
    yield of("another archive behind", good + good)
    names = (
        "z.npy", "x", "X.npy", "../x.npy", "/x.npy", "x.npy/", "a/x.npy", "x\\.npy", "", ".npy", "x .npy",
        "summary.json", "\u202ex.npy", "con.npy", "x.npy.npy", "__MACOSX/x.npy", "q" * 50 + CANARY, "loss.npy",
        "beta.npy",
    )  # fmt: skip
    for member in names:
        yield of(f"member {member[:30]!r}", zipped({**both, member: npy(X)}))
    yield of("a name with NUL", zipped({**both, "x.npy_.txt": npy(X)}).replace(b"x.npy_.txt", b"x.npy\0.txt"))
    yield of("no y", zipped({"x.npy": npy(X)}), frozenset({422}), pointer="/y")
    yield of("mu alone", zipped({**both, "mu.npy": npy(X)}), frozenset({422}), pointer="/logvar")
    yield of("nine members", zipped({f"x{index}.npy": npy(X) for index in range(9)}), frozenset({413}))
    yield of("1000 members", zipped({f"x{index}.npy": b"" for index in range(1000)}), frozenset({413}))
    yield of("a pickle as a member", zipped({"x.npy": pickle.dumps([1]), "y.npy": npy(Y)}))
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield of(f"compressed in way {method}", zipped(both, method))
    twice = io.BytesIO()
    with zipfile.ZipFile(twice, "w") as archive:
        archive.writestr(zipfile.ZipInfo("x.npy"), npy(X))
        archive.writestr(zipfile.ZipInfo("y.npy"), npy(Y))
        archive.writestr(zipfile.ZipInfo("z.npy"), npy(X))
    yield of("x twice", twice.getvalue().replace(b"z.npy", b"x.npy"))
    for megabytes in (2, 64, 300):
        bomb = zipped({"x.npy": b"\0" * (megabytes * 2**20), "y.npy": npy(Y)}, zipfile.ZIP_DEFLATED)
        yield of(f"a bomb of {megabytes} MiB", bomb, frozenset({400, 413}))
    packed = npz(compressed=True, x=np.arange(1000.0).reshape(10, 100), y=np.zeros((10, 100)))
    directory = packed.rfind(b"PK\1\2")
    for name, place, value in (
        ("flags of encryption", 8, b"\1\0"), ("method 99", 10, b"\x63\0"), ("another checksum", 16, b"\1\2\3\4"),
        ("a smaller size", 24, b"\1\0\0\0"), ("a larger size", 24, b"\xff\xff\xff\x7f"), ("size 2^32-1", 24,
        b"\xff" * 4),
        ("a longer name", 28, b"\xff\xff"), ("an offset outside", 42, b"\xff\xff\xff\x7f"), ("offset 0", 42, b"\0" * 4),
        ("another disk", 34, b"\1\0"), ("less compressed", 20, b"\1\0\0\0"), ("more compressed", 20, b"\xff\xff\xff\0"),
    ):  # fmt: skip
        changed = bytearray(packed)
        changed[directory + place : directory + place + len(value)] = value
        yield of(name, bytes(changed))
    end = len(good) - 22
    for place, value in (
        (4, b"\1\0"),
        (8, b"\xff\xff"),
        (10, b"\0\0"),
        (12, b"\xff" * 4),
        (16, b"\xff" * 4),
        (20, b"\1\0"),
    ):
        changed = bytearray(good)
        changed[end + place : end + place + len(value)] = value
        yield of(f"end record {place} {value!r}", bytes(changed))
    yield of("a directory that overlaps", _overlapping())
    for stop in range(0, len(good), 23):
        yield of(f"cut at {stop}", good[:stop], frozenset({400}))
    for query, status in {"beta=2": 200, "loss=zzz": 422, "detla=1": 422, "x=1": 422, "include=gradients": 200}.items():
        yield of(f"with {query}", good, frozenset({status}), target=f"/loss?{query}")


def _overlapping() -> bytes:
    """Write an archive whose two rows lead to the same member (the way of bombs without nesting)."""
    one = zipped({"x.npy": npy(X)})
    directory = one.rfind(b"PK\1\2")
    end = one.rfind(b"PK\5\6")
    row = one[directory:end]
    rows = row + row.replace(b"x.npy", b"y.npy")
    return one[:directory] + rows + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(rows), directory, 0)


def _tensors() -> Iterator[Case]:
    """Safetensors whose header lies."""

    def of(name: str, body: bytes, statuses: frozenset[int] = REFUSED) -> Case:
        return Case(f"safetensors: {name}", body, statuses, SAFETENSORS)

    good = safetensors(x=X, y=Y)
    yield of("good", good, FINE)
    for length in (0, 1, 7, 8, 9, len(good), 2**20, 2**31, 2**32, 2**63, 2**64 - 1):
        yield of(f"header of {length}", struct.pack("<Q", length) + good[8:])
    for stop in range(0, len(good), 11):
        yield of(f"cut at {stop}", good[:stop], frozenset({400}))
    yield of("with a tail", good + b"\0")
    headers = (
        b"", b"{}", b"[]", b"null", b"1", b'"x"', b"{", b"}", b"\xff", b'{"x":1}', b'{"x":[]}', b'{"x":null}',
        b'{"x":{}}',
        b"{" * 1000, b'{"a":' * 1000, b'{"__metadata__":1}', b'{"__metadata__":{"a":1}}', b" " * 64, b"\0" * 64,
        b'{"x":{"dtype":"F64","shape":[1]}}', b'{"x":{"shape":[1],"data_offsets":[0,8]}}',
        b'{"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"x":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}',
    )  # fmt: skip
    for index, header in enumerate(headers):
        yield of(f"header {index} {header[:20]!r}", safetensors_of(header, bytes(8)))
    rows: dict[str, Any] = {
        "dtype": ["F8_E4M3", "F4", "C64", "f64", "", 1, None, "BOOL", "U8", "O", "F64 ", CANARY],
        "shape": [[2], [-1, -1], [0], [2**63, 2], [2**64], 1, "1", [1.0], [True], [None], [[1]], {}, [1] * 40,
        [10**30]],
        "data_offsets": [
            [0, 7], [1, 9], [8, 0], [-8, 0], [0, 2**63], [0], [], [0, 8, 8], "0,8", [0.0, 8.0], None, [True, 8],
            [4, 12],
        ],
        "more": [1],
    }  # fmt: skip
    for key, values in rows.items():
        for value in values:
            row = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]} | {key: value}
            other = {"dtype": "F64", "shape": [1], "data_offsets": [8, 16]}
            header = json.dumps({"x": row, "y": other}).encode()
            yield of(f"{key} {value!r:.20}", safetensors_of(header, bytes(16)))
    for name in ("z", "", "x ", "../x", "X", "\u202ex", "q" * 50 + CANARY, "loss"):
        row = {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}
        yield of(f"tensor {name[:20]!r}", safetensors_of(json.dumps({name: row}).encode(), bytes(8)))
    for kind, bad in {"F32": b"\0\0\xc0\x7f", "BF16": b"\xc0\x7f", "F16": b"\0\x7e"}.items():
        size = len(bad)
        row = {"dtype": kind, "shape": [1], "data_offsets": [0, size]}
        other = {"dtype": kind, "shape": [1], "data_offsets": [size, 2 * size]}
        header = json.dumps({"x": row, "y": other}).encode()
        yield of(f"NaN of {kind}", safetensors_of(header, bad + bytes(size)), frozenset({422}))
    empty = {f"t{index}": {"dtype": "F64", "shape": [0], "data_offsets": [0, 0]} for index in range(100_000)}
    yield of("100,000 empty tensors", safetensors_of(json.dumps(empty).encode()))


def _tables() -> Iterator[Case]:
    """Texts of numbers."""
    good = {
        "commas": b"0,1\n2,3\n", "semicolons": b"0;1\n2;3\n", "a heading": b"a,b\n0,1\n2,3\n",
        "crlf": b"0,1\r\n2,3\r\n",
        "spaces": b" 0 , 1\n2 ,\t3", "a byte order mark": b"\xef\xbb\xbf0,1\n2,3", "signs": b"+0,1.\n2e0,+3.0E+0\n",
        "lines behind": b"0,1\n2,3\n\n\n",
    }  # fmt: skip
    for name, text in good.items():
        yield Case(f"csv: {name}", form(("x", text), ("y", npy(Y))), FINE, FORM, value=SQUARED)
    bad = (
        b"", b"\n", b"\n\n\n", b"a,b\n", b"a,b\nc,d\n", b"0,1\n2\n", b"0,1\n2,3,4\n", b"0,1\n\n2,3\n", b"0,\n2,3\n",
        b",\n,\n",
        b"0,a\n2,3\n", b"0,nan\n2,3\n", b"0,inf\n2,3\n", b"0,1e999\n2,3\n", b"0,1;2,3\n", b"0 1\n2 3\n",
        b"0\t1\n2\t3\n",
        b'"0","1"\n"2","3"\n', b"0,1\r2,3\r", b"0x1,1\n2,3\n", b"1_0,1\n2,3\n", b"1,2\n=cmd|' /C calc'!A0,3\n",
        b"\0\0\0\0",
        b"0,1\n2,3\0\n", b"\xff\xfe0\0,\x001\0", "0,1\n2,3\n".encode("utf-16"), b"0,\xff\n2,3\n",
        b"0," + b"9" * 5000 + b"\n2,3",
        b"1" * 2**20, b"1," * 2**19, b"\n" * 2**20, b"-" * 2**20, b"0,1\n2,NULL\n", b"0,1\n2,NA\n", b"0,1\n2,--\n",
        "\u0661,1\n2,3\n".encode(), b"0,1\n2,3\n" + CANARY.encode() + b",1\n", b"<html>", b"%PDF-1.4", b"PK\3\4",
    )  # fmt: skip
    for index, text in enumerate(bad):
        yield Case(f"csv {index} {text[:20]!r}", form(("x", text), ("y", npy(Y))), REFUSED, FORM)


def _forms() -> Iterator[Case]:
    """Forms that are wrong as forms."""
    good = form(("x", npy(X)), ("y", npy(Y)))

    def of(name: str, body: bytes, statuses: frozenset[int] = REFUSED, kind: str = FORM) -> Case:
        return Case(f"form: {name}", body, statuses, kind)

    kinds = (
        "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other",
        'multipart/form-data; boundary="bou', "multipart/form-data; boundary=bound; boundary=other",
        "multipart/form-data; boundary=" + "b" * 71, "multipart/form-data; boundary=b\u00fcnd",
        "multipart/mixed; boundary=bound",
        "multipart/form-data; charset=utf-8",
    )  # fmt: skip
    for kind in kinds:
        yield of(f"as {kind[:50]}", good, frozenset({400, 415}), kind)
    yield of("quoted delimiter", good, FINE, 'multipart/form-data; boundary="bound"')
    yield of("empty", b"", frozenset({400}))
    yield of("only the end", b"--bound--\r\n", frozenset({422}))
    yield of("without end", good[: good.rfind(b"--bound--")], frozenset({400}))
    yield of("with a preamble", b"preamble\r\n" + good)
    yield of("with an endless preamble", b"a" * 2**20 + good)
    yield of("with an epilogue", good + b"epilogue")
    yield of("with an endless epilogue", good + b"a" * 2**20)
    yield of("with bare line feeds", good.replace(b"\r\n", b"\n"))
    yield of("no name", good.replace(b'; name="x"', b""))
    yield of("an empty name", good.replace(b'name="x"', b'name=""'))
    yield of("two names", good.replace(b'name="x"', b'name="x"; name="y"'))
    yield of("a name with a star", good.replace(b'name="x"', b"name*=utf-8''x"))
    yield of("not of a form", good.replace(b"form-data;", b"attachment;"))
    yield of("two dispositions", good.replace(b"Content-Disp", b"Content-Disposition: form-data\r\nContent-Disp", 1))
    yield of("base64", good.replace(b"Content-Type:", b"Content-Transfer-Encoding: base64\r\nContent-Type:", 1))
    yield of("a path as a file name", good.replace(b'"a file"', b'"../../../etc/passwd"'), FINE)
    yield of("a file name with NUL", good.replace(b'"a file"', b'"a\0b"'), FINE | REFUSED)
    yield of("20 KiB of headers", good.replace(b"Content-Type:", b"X: " + b"a" * 20_000 + b"\r\nContent-Type:", 1))
    yield of("nine files", form(*[(name, npy(X)) for name in ["x", "y"] * 5]))
    yield of("x twice", form(("x", npy(X)), ("x", npy(X)), ("y", npy(Y))))
    yield of("an unknown field", form(("x", npy(X)), ("y", npy(Y)), ("logVar", npy(X))))
    yield of("1000 fields", form(*[(f"f{index}", "1") for index in range(1000)]))
    yield of("a long option", form(("x", npy(X)), ("y", npy(Y)), ("loss", "a" * 100_000)))
    no_text = b'--bound\r\nContent-Disposition: form-data; name="loss"\r\n\r\n\xff\xfe\r\n--bound--'
    yield of("an option that is no text", good.replace(b"--bound--", no_text))
    yield of("x as a text", form(("x", "0,1\n2,3"), ("y", npy(Y))), FINE | REFUSED)
    yield of("a form in a form", form(("x", good), ("y", npy(Y))))
    yield of("the delimiter in a file", form(("x", npy(X) + b"\r\n--bound"), ("y", npy(Y))))
    for stop in range(0, len(good), 17):
        yield of(f"cut at {stop}", good[:stop], frozenset({400}))
    for name, value in {"loss": "zzz", "beta": "abc", "beta ": "1", "include": "everything", "delta": "1"}.items():
        yield of(f"{name}={value}", form(("x", npy(X)), ("y", npy(Y)), (name, value)), frozenset({422}))


def _damaged() -> Iterator[Case]:
    """Good files with a few bytes changed at random, always the same ones."""
    chance = random.Random(20)  # noqa: S311 - not for secrets
    files = {
        NPZ: npz(x=X, y=Y), f"{NPZ} ": npz(compressed=True, x=X, y=Y), SAFETENSORS: safetensors(x=X, y=Y),
        FORM: form(("x", npy(X)), ("y", b"1,1\n0,0\n"), ("loss", "mse")),
    }  # fmt: skip
    for media_type, file in files.items():
        for index in range(60):
            changed = bytearray(file)
            for _ in range(chance.choice((1, 1, 2, 5))):
                changed[chance.randrange(len(file))] = chance.randrange(256)
            name = f"damaged {media_type!r} {index} {zlib.crc32(changed):08x}"
            yield Case(name, bytes(changed), FINE | REFUSED, media_type.strip())
        for index in range(20):
            start, stop = sorted(chance.randrange(len(file)) for _ in range(2))
            name = f"without {start}:{stop} {media_type!r} {index}"
            yield Case(name, file[:start] + file[stop:], FINE | REFUSED, media_type.strip())
