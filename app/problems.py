"""What can go wrong between a caller and the service: the kinds of problem as rows, and how one is rendered (RFC 9457).

A kind has a stable slug, a status, a title, and the two things that a person wants to know: what it means and how to
mend it. Its page is ``/problems/<slug>``. A `Problem` is one occurrence: a kind, a detail, and the places that are
wrong. Who raises what is decided elsewhere; this room knows neither a web framework nor a format.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from app.losses.errors import Fault
from app.losses.refusals import sentence

__all__ = [
    "BAD_HOST",
    "BATCH_TOO_LARGE",
    "BODY_TOO_LARGE",
    "COMPUTING_TOO_LONG",
    "DUPLICATE_FIELD",
    "EXAMPLE_INSTANCE",
    "HEAD_TOO_LARGE",
    "INCOMPLETE_BODY",
    "INTERNAL_ERROR",
    "INVALID_OPTION",
    "INVALID_REQUEST",
    "KINDS",
    "MALFORMED_BODY",
    "MEDIA_TYPE",
    "METHOD_NOT_ALLOWED",
    "MISSING_FIELD",
    "NOT_ACCEPTABLE",
    "NOT_AN_OBJECT",
    "NOT_A_NUMBER",
    "NOT_FINITE",
    "NOT_FOUND",
    "NOT_READY",
    "NULL_FIELD",
    "NUMBER_OUT_OF_RANGE",
    "OUT_OF_DOMAIN",
    "OUT_OF_MEMORY",
    "OVERFLOW",
    "OVER_CAPACITY",
    "RAGGED_ARRAY",
    "REQUEST_TIMEOUT",
    "SHAPE_MISMATCH",
    "SPOOL_FULL",
    "TOO_MANY_REQUESTS",
    "UNAUTHORIZED",
    "UNKNOWN_FIELD",
    "UNKNOWN_LOSS",
    "UNSUPPORTED_CONTENT_ENCODING",
    "UNSUPPORTED_MEDIA_TYPE",
    "WRONG_TYPE",
    "Kind",
    "Problem",
    "RefusedError",
    "out_of_memory",
    "pointer",
    "render",
    "request_id",
]

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20
LARGEST_BODY_BYTES = 8192
LONGEST_DETAIL = 600
LONGEST_FAULT = 300
LONGEST_NAME = 40
EXAMPLE_INSTANCE = "urn:uuid:5f0c7f6e-2d1b-4b8e-9c57-3f1f3f0a8f21"
"""The request's id in examples."""
REQUEST_ID = "lossgrid.request_id"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem.

    Attributes
    ----------
    slug
        The stable name; the problem's ``type`` is ``/problems/<slug>``.
    status
        The HTTP status that it always has.
    title
        What is wrong, in a few words, the same for every occurrence.
    meaning
        What it means, for the page.
    mending
        What to do about it, for the page.
    detail, faults
        An example of an occurrence.
    """

    slug: str
    status: int
    title: str
    meaning: str
    mending: str
    detail: str
    faults: tuple[Fault, ...] = ()

    @property
    def type(self) -> str:
        """The URI reference that identifies the kind, and the path of its page."""
        return f"/problems/{self.slug}"

    @property
    def example(self) -> "Problem":
        """An occurrence of the kind, for its page and for OpenAPI."""
        return Problem(self, self.detail, self.faults)


@dataclass(frozen=True, slots=True)
class Problem:
    """One occurrence of a kind.

    Attributes
    ----------
    kind
        What kind of problem it is.
    detail
        One sentence or two about this occurrence. Never a value of the request.
    faults
        The places in the body that are wrong, if it is about the body; more than 20 are counted and not listed.
    headers
        More headers for the answer: Allow, Accept-Post, Retry-After.
    """

    kind: Kind
    detail: str
    faults: tuple[Fault, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class RefusedError(Exception):
    """Raised where a request is refused, to unwind to whoever answers it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.kind.slug)
        self.problem = problem


def _readable(text: str, longest: int) -> str:
    """Shorten a text, and spell lone surrogates out, which strict JSON parsers refuse even when escaped."""
    clipped = text if len(text) <= longest else text[: longest - 3] + "..."
    return clipped.encode("utf-8", "backslashreplace").decode()


def pointer(path: Iterable[str | int]) -> str:
    """Write a path as a JSON pointer (RFC 6901): ``("x", 3, 1)`` is ``/x/3/1``, and ``~`` and ``/`` are escaped."""
    names = (_readable(str(name), LONGEST_NAME) for name in path)
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)


def out_of_memory() -> Problem:
    """Tell that memory could not be had, and when to try again."""
    return Problem(OUT_OF_MEMORY, OUT_OF_MEMORY.detail, headers={"Retry-After": "5"})


def request_id(scope: MutableMapping[str, Any]) -> str:
    """Give a request's id, ``urn:uuid:...``, made when it is asked for first."""
    found: str | None = scope.get(REQUEST_ID)
    if found is None:
        found = scope[REQUEST_ID] = uuid.uuid4().urn
    return found


def render(problem: Problem, instance: str) -> bytes:
    """Write a problem as ``application/problem+json``: ASCII only, at most 8 KiB.

    Parameters
    ----------
    problem
        What is wrong.
    instance
        The request's id, the same as its ``X-Request-Id``.
    """
    errors = [
        {"pointer": pointer(fault.path), "detail": _readable(fault.detail, LONGEST_FAULT)}
        for fault in problem.faults[:MOST_ERRORS]
    ]

    def document() -> bytes:
        unlisted = len(problem.faults) - len(errors)
        members: dict[str, Any] = {
            "type": problem.kind.type,
            "title": problem.kind.title,
            "status": problem.kind.status,
            "detail": _readable(problem.detail, LONGEST_DETAIL) + (f" (and {unlisted} more)" if unlisted else ""),
            "instance": instance,
        }
        return json.dumps(members | ({"errors": errors} if errors else {}), ensure_ascii=True).encode("ascii")

    # Without errors even the longest detail fits, at 12 bytes for a character.
    while len(body := document()) > LARGEST_BODY_BYTES:
        errors.pop()
    return body


def _about(place: tuple[str | int, ...], detail: str) -> tuple[str, tuple[Fault, ...]]:
    """Make the detail and the faults of an example that is about one place."""
    fault = Fault(place, detail)
    return sentence([fault]), (fault,)


MALFORMED_BODY = Kind(
    "malformed-body",
    400,
    "The body cannot be read",
    "The bytes are not a document of the media type that they claim to be: broken JSON, text that is not UTF-8, the"
    " literals NaN or Infinity (which JSON does not have), nesting that is too deep, a broken gzip stream, or an"
    " archive or array file that is damaged, cut off or contradicts itself. The detail says where reading stopped.",
    "Write the body with a JSON library rather than by hand, as UTF-8. Where a number may be NaN or infinite, mend that"
    " first: no loss is defined for it. Send a gzip stream whole, and with nothing behind it.",
    "The body cannot be read as JSON at line 1, column 12 (byte 11): JSON has no NaN and no infinity, and no loss"
    " is defined there; finite numbers are wanted.",
)
INCOMPLETE_BODY = Kind(
    "incomplete-body",
    400,
    "The body ended too early",
    "The connection was closed before the whole body had arrived.",
    "Send the request again. If it happens often, look for a timeout in the client or in a proxy between.",
    "The connection was closed before the body was complete.",
)
INVALID_REQUEST = Kind(
    "invalid-request",
    400,
    "The request cannot be understood",
    "Something about the request other than its body is wrong, such as a header or a part of the path.",
    "Compare the request with the description of the endpoint in /docs.",
    "The request cannot be understood.",
)
BAD_HOST = Kind(
    "bad-host",
    400,
    "The request does not name one known host",
    "HTTP wants every request to say in one Host header whom it is meant for. There is none, more than one, one that is"
    " no host, one that is not that of the request's target, or one that is not a name of this service: a page of"
    " another site may have led the browser here.",
    "Every HTTP library sends the header by itself. Look for one that is added by hand, and at the proxies between. The"
    " names of the service are those that LOSSGRID_ALLOWED_HOSTS lists; without it, and while it listens on a loopback"
    " address, localhost and the addresses of the machine itself.",
    "The request has no Host header; exactly one is wanted.",
)
UNAUTHORIZED = Kind(
    "unauthorized",
    401,
    "A token is wanted",
    "Whoever runs the service has limited it to those who have a token, and the request came without one, with more"
    " than one, or with one that is not known.",
    "Ask whoever runs the service for a token and send it with every request: Authorization: Bearer, a blank, and the"
    " token. In /docs the button Authorize takes it.",
    "A token is wanted: send one header Authorization: Bearer, a blank, and the token.",
)
NOT_FOUND = Kind(
    "not-found",
    404,
    "Nothing is here",
    "The service has no such path, or the catalogue has no row of that name.",
    "The endpoints are listed in /docs, the losses in /losses, the kinds of problem in /problems.",
    "This is not the name of a loss; did you mean huber?",
)
METHOD_NOT_ALLOWED = Kind(
    "method-not-allowed",
    405,
    "The method is not allowed here",
    "The path exists, but not for this HTTP method.",
    "Use one of the methods that the Allow header of the answer lists.",
    "This path takes OPTIONS, POST.",
)
NOT_ACCEPTABLE = Kind(
    "not-acceptable",
    406,
    "No acceptable media type",
    "The Accept header rules out every media type in which the answer can be written.",
    "Leave the Accept header out, or list one of the media types that the detail names.",
    "The answer can be written as application/json, application/x-npz.",
)
REQUEST_TIMEOUT = Kind(
    "request-timeout",
    408,
    "The request did not arrive in time",
    "The client took too long over the head of the request, or was silent for too long before the body was complete."
    " The connection is closed.",
    "Send the request without pauses, and its body as long as Content-Length says; or raise the setting that the detail"
    " names.",
    "Nothing of the body arrived for 8 s (LOSSGRID_SILENCE_SECONDS).",
)
BODY_TOO_LARGE = Kind(
    "body-too-large",
    413,
    "The body is too large",
    "The body, or what it or a member of it inflates to, is larger than the service is set up to take, or it has more"
    " members than there can be arrays.",
    "Send fewer samples at a time (the sums of parts add up), or raise the setting that the detail names. Send arrays"
    " that compress more than a hundredfold stored, not deflated.",
    "A body may have at most 67108864 bytes (LOSSGRID_MAX_JSON_BYTES).",
)
BATCH_TOO_LARGE = Kind(
    "batch-too-large",
    413,
    "The batch is too large",
    "The body could be read, but its arrays have more samples, or samples of more features, than the service is set up"
    " to take, or the answer that is asked for would hold more numbers than it is set up to write.",
    "Send fewer samples at a time (the sums of parts add up), leave out what the detail names of include, or raise the"
    " setting that the detail names.",
    *_about(("x",), "has 1000001 samples; at most 1000000 are taken (LOSSGRID_MAX_SAMPLES)"),
)
UNSUPPORTED_MEDIA_TYPE = Kind(
    "unsupported-media-type",
    415,
    "The media type is not supported",
    "The Content-Type header is missing, or names a media type in which this endpoint takes no bodies.",
    "Send one of the media types that the Accept-Post header of the answer lists, and say so in Content-Type.",
    "The body must be of the type application/json, multipart/form-data, application/x-npz,"
    " application/vnd.safetensors, and a Content-Type header must say so.",
)
UNSUPPORTED_CONTENT_ENCODING = Kind(
    "unsupported-content-encoding",
    415,
    "The content encoding is not supported",
    "The Content-Encoding header names a compression that the service does not take, or more than one.",
    "Send the body as it is, or compressed once with gzip (Content-Encoding: gzip).",
    "A body may be sent as it is or with Content-Encoding: gzip.",
)
NOT_AN_OBJECT = Kind(
    "not-an-object",
    422,
    "The body is not an object",
    "The body is valid JSON, but not an object with the fields of the endpoint.",
    'Send an object: {"x": [[0.0, 1.0]], "y": [[0.5, 0.5]]}.',
    "The document is a list; an object with the fields x, y, mu, logvar, sample_weight, beta, delta, include,"
    " loss, variance is wanted.",
)
UNKNOWN_FIELD = Kind(
    "unknown-field",
    422,
    "An unknown field",
    "The body has a field that the endpoint does not know. It is refused rather than ignored, since a misspelt name"
    " (logVar for logvar) would silently drop the KL term.",
    "Correct the name; the detail says which known one is nearest.",
    *_about(("logVar",), "is no field of this request; did you mean logvar?"),
)
DUPLICATE_FIELD = Kind(
    "duplicate-field",
    422,
    "A field is there twice",
    "The body has the same field more than once. Parsers disagree on which one counts, so it is refused.",
    "Send every field once.",
    *_about(("x",), "is there more than once; one of them is wanted"),
)
MISSING_FIELD = Kind(
    "missing-field",
    422,
    "A required field is missing",
    "The body lacks a field without which no loss can be computed, or has only one of mu and logvar.",
    "Add the field: x holds the targets and y the reconstructions, both of shape (N, ...).",
    *_about(("y",), "is missing; a batch needs x and y"),
)
NOT_A_NUMBER = Kind(
    "not-a-number",
    422,
    "An element is not a number",
    "Something else stands where a number belongs: a string, a boolean, null or an object.",
    'Send plain numbers: 0.5 and not "0.5", 1 and not true. Replace missing values before you send them.',
    *_about(("x", 1, 0), "is a string; a finite number is wanted"),
)
NULL_FIELD = Kind(
    "null-field",
    422,
    "An option is null",
    "An option of the body is null. It could mean that it is not given, or that its value was lost on the way.",
    "Leave the field out, or give it a value.",
    *_about(("beta",), "is null; leave the field out or give it a value"),
)
NUMBER_OUT_OF_RANGE = Kind(
    "number-out-of-range",
    422,
    "A number is out of range",
    "A number of the body is larger than any double (about 1.8e308), is an integer of more digits than the service is"
    " set up to take, or is written with more than a million characters.",
    "Look for the reason in what made the number; a loss of it could not be represented either. Write a whole number"
    " with so many digits as a float (1e300), or raise the setting that the detail names.",
    *_about(
        ("x", 1, 1),
        "is a number out of range; a double between -1.8e308 and 1.8e308 is wanted, and no number of more than a"
        " million characters",
    ),
)
RAGGED_ARRAY = Kind(
    "ragged-array",
    422,
    "The nesting is not that of an array",
    "The nesting of lists is not that of an array: rows of different lengths, or numbers beside lists.",
    "Make all rows equally long. Samples of different sizes need a batch each.",
    *_about(("x", 1), "is a list of length 1; length 2 is wanted, as in x[0]"),
)
SHAPE_MISMATCH = Kind(
    "shape-mismatch",
    422,
    "Shapes do not fit together",
    "The arrays are well formed, but their shapes do not fit: x and y differ, mu and logvar differ, the batch sizes"
    " differ, or an array is empty. Shapes that could only be broadcast are refused: a wrong number would come out.",
    "x and y have the same shape (N, ...); mu and logvar have the same shape, with the same N; sample_weight has the"
    " shape (N,). mu and logvar come together or not at all.",
    *_about(("y",), "has shape (2, 1) but x has (2, 2); they must be equal, nothing is broadcast"),
)
WRONG_TYPE = Kind(
    "wrong-type",
    422,
    "An array holds no real numbers",
    "The elements of an array are complex, text, dates, objects or structures, or floats of an unusual kind.",
    "Send integers, booleans or floating-point numbers.",
    *_about(("x",), "holds complex numbers; booleans, integers and floats of 2 to 16 bytes are taken"),
)
NOT_FINITE = Kind(
    "not-finite",
    422,
    "An array holds NaN or infinity",
    "An element of an array is NaN or infinite. The detail says how many there are and where the first is.",
    "Find out where they come from: a logvar that has run away, a division by zero, a missing value.",
    *_about(
        ("y", 0, 1),
        "is NaN, infinite or beyond double precision (it is the first of 2 in y); a finite number is wanted",
    ),
)
OUT_OF_DOMAIN = Kind(
    "out-of-domain",
    422,
    "A value lies outside of the loss's domain",
    "The loss is not defined for a value that is there, such as a prediction of 1.2 for binary_cross_entropy.",
    "Scale the data into the domain, or choose another loss: binary_cross_entropy_with_logits takes any prediction."
    " GET /losses lists the domains.",
    *_about(
        ("y", 0, 1),
        "is out of the domain of binary_cross_entropy, the only such value; y is to be in [0, 1], and for logits"
        " there is binary_cross_entropy_with_logits",
    ),
)
UNKNOWN_LOSS = Kind(
    "unknown-loss",
    422,
    "An unknown loss",
    "No loss has this name or alias.",
    "GET /losses lists the names and aliases; the detail says which is nearest.",
    *_about(("loss",), "is not the name of a loss; did you mean huber?"),
)
INVALID_OPTION = Kind(
    "invalid-option",
    422,
    "An option is not valid",
    "An option has the wrong type or a value out of its range, or the loss does not have it, or what include asks for"
    " cannot be had of this batch.",
    "beta is a number >= 0; delta and variance are numbers > 0, and only some losses have them; include is a list of"
    " names. collapse and kl_elementwise need mu and logvar.",
    *_about(("delta",), "is not a parameter of squared_error; only huber and smooth_l1 have it"),
)
OVERFLOW = Kind(
    "overflow",
    422,
    "The result overflows",
    "All numbers of the request are finite, but a result lies beyond the range of a double. No answer of the service"
    " ever holds infinity or NaN.",
    "The detail says which quantity of which sample overflows: look at its values. A logvar above 709 overflows the KL"
    " term, an error above 1e154 its square.",
    *_about(("x", 1), "has a squared_error beyond double precision, which ends at 1.8e308"),
)
TOO_MANY_REQUESTS = Kind(
    "too-many-requests",
    429,
    "Too many requests",
    "The client, known by its token or else by its address, has sent more requests than whoever runs the service lets"
    " it send in a minute.",
    "Wait for the number of seconds in the Retry-After header. One request with a large batch counts like one with a"
    " small batch.",
    "One client may send 60 requests a minute (LOSSGRID_RATE_PER_MINUTE); wait 1 s.",
)
HEAD_TOO_LARGE = Kind(
    "head-too-large",
    431,
    "The head of the request is too large",
    "The request has too many header lines, or they are too long. The connection is closed.",
    "No request to this service needs many headers: look for cookies of other services on the same host, and for what"
    " proxies between add.",
    "The lines before or behind a body may have 65536 bytes (LOSSGRID_MAX_HEAD_BYTES), and there may be 100"
    " (LOSSGRID_MAX_HEAD_LINES).",
)
INTERNAL_ERROR = Kind(
    "internal-error",
    500,
    "The service failed",
    "This is a fault of the service and not of the request. It has been logged under the request's id.",
    "Please report it with the id (instance, X-Request-Id). Sending the request again will probably fail again.",
    "The service failed; its log has the details under this request's id.",
)
OUT_OF_MEMORY = Kind(
    "out-of-memory",
    503,
    "The service has no memory for this now",
    "Memory could not be had in the midst of the request, which has left nothing behind. Other requests go on.",
    "Wait for the number of seconds in the Retry-After header, then send the request again. If it happens to the same"
    " batch each time, send less of it at once, or give the service more memory.",
    "There was no memory left for this request; send it again in a few seconds.",
)
NOT_READY = Kind(
    "not-ready",
    503,
    "The service takes no requests now",
    "The service is starting, or has been told to stop and finishes the requests that it has accepted.",
    "Wait for the number of seconds in the Retry-After header, then send the request again.",
    "The service is stopping, and the time to finish what it had accepted is over (LOSSGRID_GRACEFUL_SECONDS); send the"
    " request again in a few seconds.",
)
SPOOL_FULL = Kind(
    "spool-full",
    503,
    "There is no room for the body now",
    "Bodies that are too large for memory are kept on disk while they are read. There is no room left there, too many"
    " files are open, or the place cannot be written to.",
    "Wait for the number of seconds in the Retry-After header, then send the request again. If it happens often, give"
    " the directory that the detail names more room: its setting may be on a small file system in memory.",
    "There is no room left where bodies are kept; send the request again in a few seconds (LOSSGRID_SPOOL_DIRECTORY).",
)
OVER_CAPACITY = Kind(
    "over-capacity",
    503,
    "The service has as much to do as it takes",
    "As many requests are computed as there are threads for it, and as many wait as would still be served soon; or as"
    " many connections are open as there may be.",
    "Wait for the number of seconds in the Retry-After header, then send the request again. Few connections that are"
    " used again and again are served better than many.",
    "2 requests are computed and 32 wait, which is all that the service takes at its present pace"
    " (LOSSGRID_MAX_WAITING).",
)
COMPUTING_TOO_LONG = Kind(
    "computing-too-long",
    503,
    "The computation took too long",
    "One request may use a thread for a limited time. A large batch of which much is asked may exceed that; so may any"
    " on a machine that has too much to do.",
    "Send fewer samples at a time, ask for less in `include`, or send the request again later. Whoever runs the service"
    " can allow more time.",
    "The computation took more than 60 s (LOSSGRID_COMPUTING_SECONDS).",
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.slug: kind
        for kind in (
            MALFORMED_BODY,
            INCOMPLETE_BODY,
            INVALID_REQUEST,
            BAD_HOST,
            UNAUTHORIZED,
            NOT_FOUND,
            METHOD_NOT_ALLOWED,
            NOT_ACCEPTABLE,
            REQUEST_TIMEOUT,
            BODY_TOO_LARGE,
            BATCH_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            UNSUPPORTED_CONTENT_ENCODING,
            NOT_AN_OBJECT,
            UNKNOWN_FIELD,
            DUPLICATE_FIELD,
            MISSING_FIELD,
            NOT_A_NUMBER,
            NULL_FIELD,
            NUMBER_OUT_OF_RANGE,
            RAGGED_ARRAY,
            SHAPE_MISMATCH,
            WRONG_TYPE,
            NOT_FINITE,
            OUT_OF_DOMAIN,
            UNKNOWN_LOSS,
            INVALID_OPTION,
            OVERFLOW,
            TOO_MANY_REQUESTS,
            HEAD_TOO_LARGE,
            INTERNAL_ERROR,
            OUT_OF_MEMORY,
            NOT_READY,
            SPOOL_FULL,
            OVER_CAPACITY,
            COMPUTING_TOO_LONG,
        )
    }
)
"""Every kind of problem by its slug, in the order of the status."""
