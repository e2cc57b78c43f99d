"""Bodies of JSON."""

import gzip
import itertools
import json
import zlib
from collections.abc import Iterator
from typing import Any

from tests.formats.cases_json import REFUSED as BROKEN
from tests.hostile.case import CANARY, FINE, MARKER, REFUSED, Case

__all__ = ["cases"]

_ONE_OF: dict[int, frozenset[int]] = {status: frozenset({status}) for status in (400, 404, 405, 406, 413, 415, 422)}

X = [[0.0, 1.0], [2.0, 3.0]]
Y = [[1.0, 1.0], [0.0, 0.0]]
LATENT = [[0.5], [-0.5]]
SQUARED = 7.0
"""The squared error of X and Y: 1 and 13, on average 7."""

GOOD: dict[str, Any] = {"x": X, "y": Y}


def cases() -> Iterator[Case]:
    """Give them all."""
    yield from _good()
    yield from _broken()
    yield from _encodings()
    yield from _scalars()
    yield from _wrong_types()
    yield from _shapes()
    yield from _fields()
    yield from _options()
    yield from _domains()
    yield from _overflows()
    yield from _large()
    yield from _compressed()
    yield from _headers()
    yield from _targets()
    yield from _cut()


def _of(name: str, status: int, pointer: str | None = None, words: str = "", /, **fields: object) -> Case:
    """Make a case of a good body with some fields changed; None leaves one out."""
    content = {key: value for key, value in (GOOD | fields).items() if value is not None}
    return Case(name, json.dumps(content).encode(), _ONE_OF.get(status, FINE), pointer=pointer, words=words)


def _good() -> Iterator[Case]:
    """Bodies that are right, in all the ways JSON can be written."""
    texts = {
        "plain": b'{"x":[[0,1],[2,3]],"y":[[1,1],[0,0]]}',
        "with white space": b' {\r\n"x"\t:\n[ [0 ,1 ] , [2,3]]\n,"y":[[1,1],[0,0]] } \n\t',
        "with exponents": b'{"x":[[0e5,1E0],[2e+0,30e-1]],"y":[[1.0,0.1e1],[0.0,-0]]}',
        "with escaped names": b'{"\\u0078":[[0,1],[2,3]],"\\u0079":[[1,1],[0,0]]}',
        "with long fractions": b'{"x":[[0,1.%s],[2,3]],"y":[[1,1],[0,0]]}' % (b"0" * 5000),
        "with long integers": b'{"x":[[0,1],[2,3]],"y":[[1,1],[0,0]],"beta":1%s}' % (b"0" * 100),
        "in another order": b'{"loss":"mse","y":[[1,1],[0,0]],"include":[],"x":[[0,1],[2,3]]}',
        "images": b'{"x":[[[[0],[1]]],[[[2],[3]]]],"y":[[[[1],[1]]],[[[0],[0]]]]}',
    }
    for name, text in texts.items():
        value = None if "beta" in name else SQUARED
        yield Case(f"good: {name}", text, FINE, value=value)
    yield _of("good: latents", 200, mu=LATENT, logvar=LATENT)
    everything = ["elementwise", "kl_elementwise", "gradients", "collapse", "conventions"]
    yield _of("good: everything", 200, mu=LATENT, logvar=LATENT, include=everything)
    for loss in ("squared_error", "mse", "half_squared_error", "l2", "mae", "huber", "smooth_l1", "log_cosh"):
        yield _of(f"good: {loss}", 200, loss=loss)
    for number in ("5e-324", "2.2250738585072011e-308", "1e-400", "0.1e-999", "123456789012345678901234567890"):
        yield Case(f"good: {number}", b'{"x":[%s],"y":[%s]}' % (number.encode(), number.encode()), FINE)


def _broken() -> Iterator[Case]:
    """Give what the decoder's own table refuses, to both endpoints."""
    for index, row in enumerate(BROKEN):
        for target in ("/loss", "/loss/identify"):
            yield Case(f"broken {index} {row.body[:30]!r} {target}", row.body, REFUSED, target=target)


def _encodings() -> Iterator[Case]:
    text = json.dumps(GOOD)
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-7", "cp037"):
        good = encoding == "utf-7"  # of this text it is ASCII but for the brackets
        body = text.encode(encoding)
        yield Case(f"in {encoding}", body, frozenset({200, 400}) if good else _ONE_OF[400])
    yield Case("with a byte order mark", b"\xef\xbb\xbf" + text.encode(), frozenset({200, 400}))
    for start, stop in itertools.pairwise(range(128, 257, 16)):
        for byte in range(start, stop, 5):
            body = b'{"x":[1],"y":[1],"loss":"' + bytes([byte]) + b'"}'
            yield Case(f"byte {byte} in a string", body, _ONE_OF[400])
    for byte in (0, 1, 8, 11, 12, 14, 27, 31, 127):
        inside = b'{"x":[1],"y":[1],"loss":"' + bytes([byte]) + b'"}'
        yield Case(f"control {byte} in a string", inside, _ONE_OF[422] if byte == 127 else _ONE_OF[400])
        yield Case(f"control {byte} between", b'{"x":' + bytes([byte]) + b'[1],"y":[1]}', _ONE_OF[400])
    for name in ("\ud800", "\udfff", "\udc00\ud800"):
        escaped = json.dumps(name).encode()
        yield Case(f"half a pair {escaped!r} as a value", b'{"x":[1],"y":[1],"loss":' + escaped + b"}", _ONE_OF[400])
        yield Case(f"half a pair {escaped!r} as a name", b'{"x":[1],"y":[1],' + escaped + b":1}", _ONE_OF[400])
    for name in ("\U0001f600", "\u202e", "e\u0301", "\u0000", "\ufeff", "x\u200b", "\uff58", "X"):
        escaped = json.dumps({name: 1})[1:-1].encode()
        yield Case(f"name {escaped!r}", b'{"x":[1],"y":[1],' + escaped + b"}", _ONE_OF[422])


_NO_NUMBERS = (
    "NaN", "nan", "Infinity", "-Infinity", "inf", "+1", ".5", "1.", "01", "-", "--1", "1e", "1e+", "0x1F", "1_000",
    "1,", "0b1", "1f", "True", "None", "undefined", "'1'", "1;", "1/2", "1 2", "-01", "1e1.5", "e5", "0e", "- 1",
    "\u0661", "1\u00a0", "/*1*/1", "1//", "#1", "[1", "1]", "{1}", "1}", "(1)", '"1', "\\u0031", "-NaN", "2.e3", "9.e+",
)  # fmt: skip
_TOO_LARGE = ("1e309", "1e400", "-1e999", "1e99999999999999999999", "1" + "0" * 309, "9" * 400, "0.1e310")


def _scalars() -> Iterator[Case]:
    """Give what stands where a number belongs, in every field."""
    for text in _NO_NUMBERS:
        for body in ('{"x":[1,%s],"y":[1,1]}', '{"x":[[%s]],"y":[[1]]}', '{"x":[1],"y":[1],"beta":%s}'):
            yield Case(f"no number {text!r} in {body}", (body % text).encode(), _ONE_OF[400])
    for text in _TOO_LARGE:
        for body in ('{"x":[1,%s],"y":[1,1]}', '{"x":[1],"y":[%s]}', '{"x":[1],"y":[1],"beta":%s}'):
            yield Case(f"too large {text[:12]!r}({len(text)}) in {body}", (body % text).encode(), _ONE_OF[422])


def _wrong_types() -> Iterator[Case]:
    """JSON of another type than what is wanted, in every field and depth."""
    others = ("null", "true", "false", '"1.5"', '""', '"NaN"', "{}", '{"a":1}', f'"{CANARY}"')
    for text in others:
        for field in ("x", "y"):
            for depth, template in enumerate(("%s", "[%s]", "[[0,1],[2,%s]]", "[[[%s]]]")):
                body = {"x": "[[1,1],[1,1]]", "y": "[[1,1],[1,1]]"} | {field: template % text}
                written = f'{{"x":{body["x"]},"y":{body["y"]}}}'.encode()
                yield Case(f"{text} in {field} at depth {depth}", written, _ONE_OF[422])
        for field in ("mu", "logvar", "sample_weight"):
            rest = {"mu": ',"logvar":[[1],[1]]', "logvar": ',"mu":[[1],[1]]', "sample_weight": ""}[field]
            for value in (text, f"[{text},1]"):
                written = f'{{"x":[1,1],"y":[1,1],"{field}":{value}{rest}}}'.encode()
                yield Case(f"{value} as {field}", written, _ONE_OF[422])
    wrong = {
        "loss": ("null", "1", "true", "[]", "{}", '["mse"]', '""', f'"{CANARY}"', '"MSE "'),
        "beta": ("null", "true", '"1"', "[]", "[1]", "{}", "-1", "-1e-300", '"NaN"'),
        "delta": ("null", "true", '"1"', "[1]", "0", "-1", "-0.0"),
        "variance": ("null", "false", '"1"', "[1]", "0", "-3"),
        "include": ("null", "true", '"elementwise,everything"', "{}", "1", '["all"]', "[1]", "[null]", "[[]]", '[""]'),
        "observed": ("1", "null"),
        "rtol": ("1",),
        "reduction": ('"mean"',),
        "kld_weight": ("0.00025",),
    }
    losses = {"delta": "huber", "variance": "gaussian_nll"}
    for field, values in wrong.items():
        loss = f',"loss":"{losses[field]}"' if field in losses else ""
        for text in values:
            written = f'{{"x":[1],"y":[1]{loss},"{field}":{text}}}'.encode()
            yield Case(f"{field} is {text}", written, _ONE_OF[422])
    for text in ("null", "true", '"1"', "[]", "[1,2]", "[null]", "{}"):
        written = f'{{"x":[1],"y":[1],"observed":{text}}}'.encode()
        yield Case(f"observed is {text} to identify", written, _ONE_OF[422], target="/loss/identify")
    for text in ("0", "-1", "1", "null", "true", '"1e-4"', "[]"):
        written = f'{{"x":[1],"y":[1],"observed":1,"rtol":{text}}}'.encode()
        yield Case(f"rtol is {text} to identify", written, _ONE_OF[422], target="/loss/identify")


def _shapes() -> Iterator[Case]:
    yield _of("ragged", 422, "/x/1", x=[[1, 2], [3]])
    yield _of("ragged and deep", 422, x=[[[1, 2], [3]], [[4, 5], [6, 7]]])
    yield _of("a list among numbers", 422, x=[1, [2]], y=[1, 2])
    yield _of("a number among lists", 422, x=[[1], 2], y=[[1], [2]])
    yield _of("a scalar", 422, x=1.0, y=1.0)
    for name, shape in {"empty": [], "empty rows": [[], []], "one empty row": [[]], "empty and deep": [[[]]]}.items():
        yield _of(name, 422, x=shape, y=shape)
        yield _of(f"{name} mu", 422, mu=shape, logvar=shape)
    others: dict[str, Any] = {
        "one row more": [*Y, [0, 0]], "one row less": Y[:1], "one column": [[1], [1]], "one row": [[1, 1]],
        "one number": [[1]], "a vector": [1, 1], "flat": [1, 1, 0, 0], "with an axis more": [[[1], [1]], [[0], [0]]],
        "with an axis in front": [Y], "transposed and longer": [[1, 2, 3], [4, 5, 6]],
    }  # fmt: skip
    for name, value in others.items():
        yield _of(f"y is {name}", 422, "/y", y=value)
    yield _of("mu alone", 422, "/logvar", mu=LATENT)
    yield _of("logvar alone", 422, "/mu", logvar=LATENT)
    for name, value in {"of another batch": [[1]], "of rank 0": 1, "too long": [[1], [2], [3]]}.items():
        yield _of(f"latents {name}", 422, mu=value, logvar=value)
    yield _of("latents that differ", 422, "/logvar", mu=[[1], [2]], logvar=[[1, 1], [2, 2]])
    yield _of("latents that would broadcast", 422, "/logvar", mu=[[1], [2]], logvar=[1, 2])
    for name, value in {"too short": [1], "too long": [1, 2, 3], "in columns": [[1], [2]], "zeros": [0, 0]}.items():
        yield _of(f"weights {name}", 422, "/sample_weight", sample_weight=value)
    yield _of("a negative weight", 422, "/sample_weight/1", sample_weight=[1, -1])
    yield _of("no x", 422, "/x", x=None)
    yield _of("no y", 422, "/y", y=None)
    yield _of("nothing", 422, "/x", x=None, y=None)
    for depth in (31, 32, 33, 64, 65, 100, 1000, 100_000):
        nested = "[" * depth + "1" + "]" * depth
        status = FINE if depth < 32 else REFUSED
        yield Case(f"{depth} levels", f'{{"x":{nested},"y":{nested}}}'.encode(), status)
        yield Case(f"{depth} levels that do not end", b'{"x":' + b"[" * depth, _ONE_OF[400])
        yield Case(f"{depth} objects", b'{"x":' + b'{"x":' * depth + b"1" + b"}" * (depth + 1), REFUSED)


def _fields() -> Iterator[Case]:
    near = {
        "logVar": "logvar", "log_var": "logvar", "Mu": "mu", "X": "x", "losses": "loss", "betas": "beta",
        "sample_weights": "sample_weight", "includes": "include", "varianze": "variance", "detla": "delta",
    }  # fmt: skip
    for name, wanted in near.items():
        yield _of(f"field {name}", 422, f"/{name}", f"did you mean {wanted}?", **{name: 1})
    for name in ("", " ", "__proto__", "constructor", "x/y", "~", "a" * 10_000, "$ref", "input", "\x00", "x\n"):
        yield _of(f"field {name[:20]!r}", 422, **{name: 1})
    yield Case("twice x", b'{"x":[1],"x":[1],"y":[1]}', _ONE_OF[422], pointer="/x")
    yield Case("twice loss", b'{"x":[1],"y":[1],"loss":"mse","loss":"mae"}', _ONE_OF[422], pointer="/loss")
    yield Case("twice, once escaped", b'{"x":[1],"y":[1],"\\u0078":[2]}', _ONE_OF[422], pointer="/x")
    many = json.dumps({f"field {index}": index for index in range(100_000)}).encode()
    yield Case("100,000 fields", many, REFUSED)
    yield Case("50,000 times x", b"{" + b'"x":[1],' * 50_000 + b'"y":[1]}', REFUSED)


def _options() -> Iterator[Case]:
    for loss in ("mean_squared_error", "msee", "kl", "SQUARED_ERROR", "mse,mae", "../mse", "a" * 10_000, "\U0001f600"):
        yield _of(f"loss {loss[:20]!r}", 422, "/loss", loss=loss)
    yield _of("delta without huber", 422, "/delta", delta=1.0)
    yield _of("variance without gaussian_nll", 422, "/variance", variance=1.0)
    yield _of("include twice the same", 200, include=["elementwise", "elementwise"])
    yield _of("collapse without latents", 422, include=["collapse"])
    yield _of("collapse of another loss", 422, loss="mae", mu=LATENT, logvar=LATENT, include=["collapse"])
    yield _of("kl_elementwise without latents", 422, include=["kl_elementwise"])
    for beta in (0, 1e-300, 1e300, 5e-324):
        yield _of(f"beta {beta}", 200, mu=LATENT, logvar=LATENT, beta=beta)


def _domains() -> Iterator[Case]:
    outside = {
        "binary_cross_entropy": (("x", 1.5), ("x", -0.1), ("y", 1.0000001), ("y", -1e-300)),
        "bce_with_logits": (("x", 2), ("x", -1e-9)),
        "poisson_nll": (("x", -1), ("y", 0), ("y", -2)),
        "squared_log_error": (("x", -1), ("y", -1.5)),
    }
    for loss, rows in outside.items():
        for name, value in rows:
            arrays: dict[str, Any] = {"x": [[0.5, 0.5], [0.5, 0.5]], "y": [[0.5, 0.5], [0.5, 0.5]]}
            arrays[name] = [[0.5, 0.5], [0.5, value]]
            yield _of(f"{loss} of {name} {value}", 422, f"/{name}/1/1", loss=loss, **arrays)


def _overflows() -> Iterator[Case]:
    yield _of("squares overflow", 422, "/x/1", x=[[0, 0], [1e200, 0]], y=[[0, 0], [0, 0]])
    yield _of("differences overflow", 422, x=[[1.7e308], [0]], y=[[-1.7e308], [0]], loss="mae")
    yield _of("sums overflow", 422, x=[[1.2e154, 1.2e154], [0, 0]], y=[[0, 0], [0, 0]])
    yield _of("the batch overflows", 422, x=[[1e154], [1e154]], y=[[0], [0]], sample_weight=[1e300, 1e300])
    for logvar in (710, 1e4, 1.7e308):
        yield _of(f"logvar {logvar}", 422, "/logvar/1", mu=[[0], [0]], logvar=[[0], [logvar]])
    yield _of("mu overflows", 422, "/mu/0", mu=[[1e155], [0]], logvar=[[0], [0]])
    yield _of("beta overflows", 422, mu=[[1e10], [0]], logvar=[[0], [0]], beta=1e300)
    for logvar in (-1e4, -1e300, 709, 88.8, 11.1):
        yield _of(f"logvar {logvar} is fine", 200, mu=[[0], [0]], logvar=[[0], [logvar]])


def _large() -> Iterator[Case]:
    """Bodies whose faults are many, or far away: the problem stays small and comes soon."""
    row = ",".join(["null"] * 1000)
    yield Case("100,000 nulls", f'{{"x":[{",".join([f"[{row}]"] * 100)}],"y":[1]}}'.encode(), REFUSED)
    numbers = ",".join([str(MARKER)] * 200_000)
    yield Case("no y and 2 MB", f'{{"x":[{numbers}]}}'.encode(), _ONE_OF[422], pointer="/y")
    yield Case("a word at the end of 2 MB", f'{{"x":[{numbers},oops],"y":[1]}}'.encode(), _ONE_OF[400])
    yield Case("a string at the end of 2 MB", f'{{"x":[{numbers},"{CANARY}"],"y":[1]}}'.encode(), _ONE_OF[422])
    yield Case("a megabyte of digits", b'{"x":[' + b"1" * 2**20 + b'],"y":[1]}', _ONE_OF[422])
    yield Case("a megabyte of zeros", b'{"x":[0.' + b"0" * 2**20 + b'1],"y":[1]}', frozenset({200, 422}))
    yield Case("a megabyte of name", b'{"' + b"x" * 2**20 + b'":[1]}', _ONE_OF[422])
    yield Case("a megabyte of escapes", b'{"x":"' + rb"\u0000" * 2**17 + b'"}', _ONE_OF[422])
    yield Case("a megabyte of spaces", b" " * 2**20 + b'{"x":[1],"y":[2]}', FINE)
    yield Case("a megabyte of brackets", b'{"x":' + b"[]," * 2**18, _ONE_OF[400])
    yield Case("100,000 empty lists", b'{"x":[' + b"[]," * 100_000 + b'[]],"y":[1]}', _ONE_OF[422])


def _compressed() -> Iterator[Case]:
    good = json.dumps(GOOD).encode()
    packed = gzip.compress(good)

    def of(name: str, body: bytes, statuses: frozenset[int], coding: str = "gzip") -> Case:
        return Case(f"gzip: {name}", body, statuses, headers={"Content-Encoding": coding})

    yield of("good", packed, FINE)
    yield of("in two members", gzip.compress(good[:9]) + gzip.compress(good[9:]), FINE)
    yield of("plain", good, _ONE_OF[400])
    yield of("empty", b"", _ONE_OF[400])
    yield of("deflated", zlib.compress(good), _ONE_OF[400])
    yield of("twice", gzip.compress(packed), REFUSED)
    for stop in range(1, len(packed), 7):
        yield of(f"cut at {stop}", packed[:stop], _ONE_OF[400])
    for place in (0, 1, 2, 12, 20, len(packed) - 8, len(packed) - 5, len(packed) - 1):
        changed = bytearray(packed)
        changed[place] ^= 0xFF
        yield of(f"changed at {place}", bytes(changed), REFUSED)
    yield of("with a tail", packed + b"tail", _ONE_OF[400])
    yield of("a bomb", gzip.compress(b" " * (80 * 2**20)), _ONE_OF[413])
    bomb = gzip.compress(b'{"x":[' + b"0," * (40 * 2**20) + b'0],"y":[0]}')
    yield of("a bomb of numbers", bomb, _ONE_OF[413])
    for coding in ("br", "deflate", "zstd", "gzip, gzip", "compress", "gzip;q=1", CANARY):
        yield of(f"Content-Encoding {coding}", packed, _ONE_OF[415], coding)
    yield of("identity", good, FINE, "identity")
    yield of("x-gzip", packed, FINE, "x-gzip")


def _headers() -> Iterator[Case]:
    good = json.dumps(GOOD).encode()
    for taken in ("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/json ;a=b"):
        yield Case(f"Content-Type {taken}", good, FINE, taken)
    refused = (
        None, "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "json", "*/*", "application/*",
        "application/json, text/plain", "application/json\t\x7f", "text/json", CANARY, "a" * 5000,
    )  # fmt: skip
    for other in refused:
        yield Case(f"Content-Type {str(other)[:40]!r}", good, frozenset({400, 415}), other)
    accepts = {
        "*/*": 200, "application/json": 200, "application/*": 200, "application/x-npz": 200, "text/html": 406,
        "image/png, application/json;q=0": 406, "application/json;q=0.5, */*;q=0": 200, "": 200, ";;;,,": 406,
        "application/json;q=abc": 406, "*/*;q=0": 406, "text/*, */*;q=0.1": 200,
    }  # fmt: skip
    for accept, status in accepts.items():
        yield Case(f"Accept {accept!r}", good, _ONE_OF.get(status, FINE), headers={"Accept": accept})
    yield Case("much to accept", good, frozenset({200, 406, 431}), headers={"Accept": "a/b;q=0.1," * 5000})
    for name in ("Range", "If-Match", "If-None-Match", "Expect-CT", "X-Forwarded-Host", "X-Forwarded-Prefix", "Origin"):
        yield Case(f"{name} is passed over", good, FINE, headers={name: CANARY})
    for name in ("Forwarded", "X-Original-URL", "X-HTTP-Method-Override", "X-Request-Id", "traceparent", "Cookie"):
        yield Case(f"{name} is passed over", good, FINE, headers={name: CANARY})


def _targets() -> Iterator[Case]:
    good = json.dumps(GOOD).encode()
    yield Case("an unknown option in the query", good, _ONE_OF[422], target="/loss?detla=0.5", words="delta")
    yield Case("the same option twice", good, _ONE_OF[422], target="/loss?beta=1&beta=2")
    yield Case("a body and a query that differ", b'{"x":[1],"y":[1],"beta":1}', _ONE_OF[422], target="/loss?beta=2")
    for query in ("beta=abc", "beta=", "beta=nan", "beta=inf", "beta=1e999", "beta=-1", "beta=0x10", "loss=zzz"):
        yield Case(f"query {query}", good, _ONE_OF[422], target=f"/loss?{query}")
    for query in ("%ff=1", "a=%zz", "=", "&&&", "beta=%00", "x=[1]", "a[]=1", "&".join(f"a{n}=1" for n in range(5000))):
        yield Case(f"query {query[:20]}", good, frozenset({200, 400, 422}), target=f"/loss?{query}")
    for target in ("/nowhere", "/loss/", "//loss", "/loss/../loss", "/LOSS", "/loss%2fidentify", "/%00", "/..%2f..%2f"):
        statuses = frozenset({400, 404, 405, 422})  # 422: an escaped slash is a slash to some
        yield Case(f"target {target}", good, statuses, target=target)
    for target in ("/losses/nothing", "/losses/..", "/conventions/%0d%0aX:1", "/problems/nothing", "/assets/../app"):
        yield Case(f"GET {target}", b"", frozenset({400, 404}), None, method="GET", target=target)
    for method in ("GET", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"):
        yield Case(f"{method} /loss", good, frozenset({400, 405}), method=method)
    for target in ("/losses", "/conventions", "/healthz", "/readyz", "/openapi.json"):
        yield Case(f"POST {target}", good, _ONE_OF[405], target=target)
        yield Case(f"GET {target}", b"", FINE, None, method="GET", target=target)


def _cut() -> Iterator[Case]:
    """Give a good body cut at every place, and with every kind of byte put in."""
    good = b'{"x":[[0.5,-1e3]],"y":[[1,2]],"loss":"mse","include":["gradients"]}'
    for stop in range(len(good)):
        yield Case(f"cut at {stop}", good[:stop], _ONE_OF[400])
    for place in range(len(good) + 1):
        for byte in b'"[]{},:\\\x00\x80':
            put = good[:place] + bytes([byte]) + good[place:]
            yield Case(f"{byte:#x} at {place}", put, frozenset({200, 400, 422}))
