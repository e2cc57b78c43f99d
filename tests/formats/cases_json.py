"""Bodies that a JSON decoder must refuse, with what it must say: the same for every parser that reads JSON here."""

from typing import NamedTuple

from app.formats.errors import (
    DecodeError,
    DuplicateField,
    Malformed,
    NotAnObject,
    NotANumber,
    NullField,
    OutOfRange,
    Ragged,
    UnknownField,
)
from app.losses.errors import InvalidOption, LossInputError

__all__ = ["FIELDS", "REFUSED", "Refused"]

FIELDS = frozenset({"x", "y", "mu", "logvar", "sample_weight", "loss", "delta", "variance", "beta", "include"})


class Refused(NamedTuple):
    """A body, the kind of its refusal, the paths of the listed faults in order, the offset, and words that are said."""

    body: bytes
    kind: type[DecodeError | LossInputError]
    paths: tuple[tuple[str | int, ...], ...] = ()
    offset: int | None = None
    words: str = ""


HUGE_INTEGER = b"1" + b"0" * 400

REFUSED = (
    # Not a document.
    Refused(b"", Malformed, offset=0, words="empty"),
    Refused(b" \n ", Malformed, offset=3, words="empty"),
    Refused(b"[1,2", Malformed, offset=4, words="ends before it is complete"),
    Refused(b'{"x":[1,2]', Malformed, offset=10, words="line 1, column 11 (byte 10)"),
    Refused(b'{"x":[1,\n2,\n nux]}', Malformed, offset=15, words="line 3, column 4 (byte 15)"),
    Refused('{"loss":"é",\n"é":x}'.encode(), Malformed, offset=19, words="line 2, column 5 (byte 19)"),
    Refused(b'{"x":[1,]}', Malformed, offset=8, words="a comma stands before"),
    Refused(b'{"x":[1],}', Malformed, offset=9, words="a comma stands before"),
    Refused(b'{"x":[,1]}', Malformed, offset=6),
    Refused(b'{"x":[1 2]}', Malformed, offset=8),
    Refused(b'{"x":[1]]}', Malformed, offset=8),
    Refused(b'{"x" [1]}', Malformed, offset=5),
    Refused(b"{'x':[1]}", Malformed, offset=1),
    Refused(b'{"x":[1]} 2', Malformed, offset=10, words="follows the end"),
    Refused(b'{"x":[01]}', Malformed, offset=7, words="a number is not written"),
    Refused(b'{"x":[1.]}', Malformed, offset=8, words="a number is not written"),
    Refused(b'{"x":[1e]}', Malformed, offset=8, words="a number is not written"),
    Refused(b'{"x":[.5]}', Malformed, offset=6),
    Refused(b'{"x":[+1]}', Malformed, offset=6),
    Refused(b'{"x":[0x1]}', Malformed, offset=7),
    Refused(b'{"x":[tru]}', Malformed, offset=9),
    Refused(b'{"x":[1]}\0', Malformed, offset=9),
    Refused(b'{"x":[1],"loss":"a\tb"}', Malformed, offset=18),
    Refused(b'{"x":[1],"loss":"a\\xb"}', Malformed, offset=19, words="escape"),
    Refused(b'{"z":["a\\xb"]}', Malformed, offset=9, words="escape"),
    # Not finite.
    Refused(b'{"x":[1,NaN]}', Malformed, offset=8, words="no NaN"),
    Refused(b'{"x":[Infinity]}', Malformed, offset=6, words="no infinity"),
    Refused(b'{"x":[-Infinity]}', Malformed, offset=6, words="no infinity"),
    Refused(b'{"x":[nan, 1]}', Malformed, offset=6, words="no NaN"),
    Refused(b'{"beta":NaN}', Malformed, offset=8, words="no NaN"),
    # Not UTF-8.
    Refused(b'{"x":["\xff"]}', Malformed, offset=7, words="not UTF-8"),
    Refused(b'{"\xff":1}', Malformed, offset=2, words="not UTF-8"),
    Refused(b'{"loss":"\xed\xa0\x80"}', Malformed, offset=9, words="not UTF-8"),
    Refused(b'{"x":[1],"loss":"\xe2\x82', Malformed, offset=17, words="not UTF-8"),
    Refused(b'\xef\xbb\xbf{"x":[1]}', Malformed, offset=0, words="byte order mark"),
    Refused('{"x":[1]}'.encode("utf-16"), Malformed, offset=0, words="UTF-16"),
    Refused('{"x":[1]}'.encode("utf-16-le"), Malformed, offset=0, words="UTF-16"),
    Refused('{"x":[1]}'.encode("utf-16-be"), Malformed, offset=0, words="UTF-16"),
    Refused('{"x":[1]}'.encode("utf-32"), Malformed, offset=0, words="UTF-32"),
    Refused('{"x":[1]}'.encode("utf-32-le"), Malformed, offset=0, words="UTF-32"),
    Refused('{"x":[1]}'.encode("utf-32-be"), Malformed, offset=0, words="UTF-32"),
    Refused(b'{"loss":"\\ud800"}', Malformed, offset=9, words="half of a surrogate pair"),
    Refused(b'{"loss":"\\udc00\\udc00"}', Malformed, offset=9, words="half of a surrogate pair"),
    Refused(b'{"\\uD83D\\ude00\\ud800":1}', Malformed, offset=14, words="half of a surrogate pair"),
    Refused(b'{"x":["\\ud800\\u0041"]}', Malformed, offset=7, words="half of a surrogate pair"),
    Refused(b'{"x":[1}, "loss":"\\ud800"}', Malformed, offset=7),
    # Too deep: the document is the first level.
    Refused(b'{"x":' + b"[" * 32 + b"1" + b"]" * 32 + b"}", Malformed, offset=36, words="deeper than 32 levels"),
    Refused(b'{"x":' + b"[" * 100_000, Malformed, offset=36, words="deeper than 32 levels"),
    Refused(b'{"include":' + b"[" * 32 + b"]" * 32 + b"}", Malformed, offset=42, words="deeper than 32 levels"),
    Refused(b'{"z":' + b'{"a":' * 32 + b"1" + b"}" * 32 + b"}", Malformed, offset=160, words="deeper than 32 levels"),
    # Not an object.
    Refused(b"[1, 2]", NotAnObject, words="is a list"),
    Refused(b"[]", NotAnObject, words="is a list"),
    Refused(b'""', NotAnObject, words="is a string"),
    Refused(b"null", NotAnObject, words="is null"),
    Refused(b" 5", NotAnObject, words="is a number"),
    Refused(b'"x"', NotAnObject, words="is a string"),
    Refused(b"true", NotAnObject, words="is a boolean"),
    # Fields.
    Refused(b'{"logVar":[1]}', UnknownField, (("logVar",),), words="did you mean logvar?"),
    Refused(b'{"qqq":1}', UnknownField, (("qqq",),), words="its fields are x, y, mu, logvar, sample_weight, beta"),
    Refused(b'{"":1}', UnknownField, (("",),), words='"" is no field'),
    Refused(b'{"' + b"q" * 40 + b'":1}', UnknownField, (("q" * 40,),), words="q" * 40 + " is no field"),
    # A name that has to be shortened leads nowhere: the path is that of the document.
    Refused(b'{"' + b"q" * 100 + b'":1}', UnknownField, ((),), words="q" * 40 + "... is no field"),
    Refused(b'{"observed_value_printed_by_my_training_script":1}', UnknownField, ((),), words="training_sc... is no"),
    Refused(b'{"' + "\u2028".encode() * 9 + b'":1}', UnknownField, ((),), words="\\u2028" * 6 + "... is no field"),
    Refused(b'{"' + rb"\ud83d\ude00\"\\" * 50 + b'":1}', UnknownField, ((),), words="\\U0001f600"),
    Refused(b'{"x":[1],"x":[1]}', DuplicateField, (("x",),)),
    Refused(b'{"x":[1],"\\u0078":[1]}', DuplicateField, (("x",),)),
    Refused(b'{"loss":"mse","loss":"mse","loss":"l1"}', DuplicateField, (("loss",), ("loss",))),
    Refused(b'{"beta":1,"loss":"a","beta":2}', DuplicateField, (("beta",),)),
    Refused(b'{"x":[1],"z":{"x":1,"x":2},"x":[null]}', UnknownField, (("z",), ("x",))),
    # Elements.
    Refused(b'{"x":[[1,2],[3,null]]}', NotANumber, (("x", 1, 1),), words="x[1][1] is null"),
    Refused(b'{"x":[1,true,false]}', NotANumber, (("x", 1), ("x", 2)), words="is a boolean"),
    Refused(b'{"x":["1.5"]}', NotANumber, (("x", 0),), words="is a string"),
    Refused(b'{"x":["[,\\"],["  , "]"]}', NotANumber, (("x", 0), ("x", 1))),
    Refused(b'{"x":["\\\\",null]}', NotANumber, (("x", 0), ("x", 1))),
    Refused(b'{"x":[[{"a":[null,{"b":"c"}]},1],[2,{}]]}', NotANumber, (("x", 0, 0), ("x", 1, 1)), words="an object"),
    Refused(b'{"x":[[[1]],[[ null ]]],"y":[[2],null]}', NotANumber, (("x", 1, 0, 0), ("y", 1))),
    Refused(b'{"x":null}', NotANumber, (("x",),), words="leave the field out"),
    Refused(b'{"x":"1"}', NotANumber, (("x",),), words="nested lists of numbers are wanted"),
    Refused(b'{"x":{"0":[1]}}', NotANumber, (("x",),)),
    Refused(b'{"x": true}', NotANumber, (("x",),)),
    Refused(b'{"beta":null}', NullField, (("beta",),), words="leave the field out"),
    Refused(b'{"x":[1,"a"],"Beta":1,"loss":null}', NotANumber, (("x", 1), ("Beta",), ("loss",))),
    # Range.
    Refused(b'{"x":[[0,1e400]]}', OutOfRange, (("x", 0, 1),), words="out of range"),
    Refused(b'{"x":[-1e309,1,1.8E+308,0.1e310]}', OutOfRange, (("x", 0), ("x", 2), ("x", 3))),
    Refused(b'{"x":[1.7976931348623159e308]}', OutOfRange, (("x", 0),)),
    Refused(
        b'{"x":[1,' + HUGE_INTEGER + b"]}",
        OutOfRange,
        (("x", 1),),
        words="more than 320 digits (LOSSGRID_MAX_INTEGER_DIGITS)",
    ),
    Refused(b'{"x":[-' + HUGE_INTEGER + b".5]}", OutOfRange, (("x", 0),)),
    Refused(b'{"x":[' + b"7" * 1_000_000 + b"]}", OutOfRange, (("x", 0),)),
    Refused(b'{"x":[[ 1],[0.' + b"7" * 1_100_000 + b" ]]}", OutOfRange, (("x", 1, 0),), words="a million characters"),
    Refused(b'{"beta":1e400}', OutOfRange, (("beta",),)),
    Refused(b'{"beta":-' + HUGE_INTEGER + b"}", OutOfRange, (("beta",),), words="more than 320 digits"),
    # As long as may be, and still more than a double can hold: another limit would not help.
    Refused(b'{"x":[' + b"7" * 320 + b"]}", OutOfRange, (("x", 0),), words="x[0] is a number out of range"),
    Refused(
        b'{"beta":[' + b"[]," * 6000 + b"1]}", InvalidOption, (("beta",),), words="a list of more than 16,384 bytes"
    ),
    Refused(b'{"loss":"' + b"a" * 20_000 + b'"}', InvalidOption, (("loss",),), words="is a string of more than"),
    Refused(b'{"loss":"' + rb"\u0061" * 3000 + b'"}', InvalidOption, (("loss",),), words="is a string of more than"),
    Refused(b'{"loss":{"a":' + b"1" * 20_000 + b"}}", InvalidOption, (("loss",),), words="is an object of more"),
    Refused(b'{"beta":0.' + b"1" * 20_000 + b"}", InvalidOption, (("beta",),), words="is a number of more"),
    Refused(b'{"include":["a",' + HUGE_INTEGER + b"]}", OutOfRange, (("include",),)),
    # Nesting.
    Refused(b'{"x":5}', Ragged, (("x",),), words="is a number; nested lists"),
    Refused(b'{"x":[[1,2],[3]]}', Ragged, (("x", 1),), words="is a list of length 1; length 2 is wanted, as in x[0]"),
    Refused(b'{"x":[[1],[3,4,5]]}', Ragged, (("x", 1),), words="is a list of length 3; length 1 is wanted"),
    Refused(b'{"x":[[1],[3,[4]]]}', Ragged, (("x", 1),), words="is a list longer than 1; length 1 is wanted"),
    Refused(b'{"x":[[[1]],[[2],[3]]]}', Ragged, (("x", 1),), words="is a list longer than 1; length 1 is wanted"),
    Refused(b'{"x":[[[1,2],[3]],[[4,5],[6,7]]]}', Ragged, (("x", 0, 1),), words="as in x[0][0]"),
    Refused(b'{"x":[[[1],[2]],[[3]]]}', Ragged, (("x", 1),), words="is a list of length 1; length 2"),
    Refused(b'{"x":[[1],2]}', Ragged, (("x", 1),), words="is a number; a list is wanted, as at x[0]"),
    Refused(b'{"x":[[[1],2],[[3],4]]}', Ragged, (("x", 0, 1),), words="is a number; a list is wanted"),
    Refused(b'{"x":[1,[2]]}', Ragged, (("x", 1),), words="is a list; a number is wanted, as at x[0]"),
    Refused(b'{"x":[[1],[]]}', Ragged, (("x", 1),), words="is a list of length 0; length 1"),
    Refused(b'{"x":[[],[1]]}', Ragged, (("x", 1),), words="is a list of length 1; length 0"),
    Refused(b'{"x":[[],[[]]]}', Ragged, (("x", 1),), words="longer than 0"),
    Refused(b'{"x":[[],[1,2]]}', Ragged, (("x", 1),), words="length 0 is wanted"),
    Refused(b'{"x":[[[]],[]]}', Ragged, (("x", 1),), words="is a list of length 0; length 1"),
    Refused(b'{"x":[[1],2],"y":[[1],[2,3]]}', Ragged, (("x", 1), ("y", 1)), words="There is more to mend in y."),
)
