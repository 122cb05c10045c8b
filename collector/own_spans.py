"""
Spans that our own agents send, read at the price of what is new in them.

Those that have the form of a span that was read before (span_form.py) are read by it, all together (span_group.py). Of
others the attributes are left as bytes: most are the same as in a span before, words and whatever says who was asked,
and are known by them; only the rest is decoded. What comes of it is what `schemas/wire.py` makes of the decoded span,
or None: then the span is decoded whole, and whatever is wrong with it is found and named there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import Any

from google.protobuf import (  # type: ignore[import-untyped]
    descriptor_pb2,
    descriptor_pool,
    message_factory,
)
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collector.span_cut import ARRIVALS, ARRIVALS_KEY, TICK, Cut, arrivals_head, cut
from collector.span_form import TEXTS, Form, Kinds, form_of
from collector.span_group import OwnSpan, read
from schemas.attribute_checks import CHECKS, number
from schemas.errors import WireError
from schemas.flat_observation import FlatObservation
from schemas.otlp_values import ELEMENT_BYTES, SCALARS, doubles_in, plain
from schemas.wire import ATTR_SEQ, assembled, place_in_batch

FORMS_MAX = 4096  # of spans that differ in who was asked or in size
FORGET_AFTER = 4 * FORMS_MAX  # spans for whose form there was no room: all are forgotten, and learned again
ALIKE_MAX = 4  # that differ in neither
TOGETHER_MAX = 128  # spans that are read at once: what they take stays in the processor's cache
TOGETHER_BYTES_MAX = 1024 * 1024  # of them, or one: they are cut, so their bytes are there twice
KNOWN_MAX = 8192  # attributes; beyond that all are forgotten, and learned again
KNOWN_BYTES_MAX = 256  # of one of them
# What differs from one observation to the next, and would only push out what does not.
_NEVER_KNOWN = TEXTS.keys() | {TICK, ATTR_SEQ}
_DOUBLE = Struct("<d").unpack
_DOUBLE_BYTES = 8
_ARRIVALS_CHECK = CHECKS[ARRIVALS]


def _double_head(name: str) -> bytes:
    """What stands before the eight bytes of a double with that name."""
    whole: bytes = KeyValue(key=name, value=AnyValue(double_value=1.0)).SerializeToString()
    return whole[:-_DOUBLE_BYTES]


def _bytes_span() -> Any:
    """The class of OTLP's Span whose attributes stay bytes; everything else of it is decoded as ever."""
    official = Span.DESCRIPTOR
    file = descriptor_pb2.FileDescriptorProto(name="touchstone/own_span.proto", package="touchstone", syntax="proto3")
    file.dependency.append(official.file.name)
    message = file.message_type.add()
    official.CopyToProto(message)
    del message.nested_type[:], message.enum_type[:]  # the fields name the official ones
    (attributes,) = (field for field in message.field if field.name == "attributes")
    attributes.ClearField("type_name")
    attributes.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("touchstone.Span"))


_BytesSpan = _bytes_span()
_DOUBLE_NAMES: Mapping[bytes, str] = {_double_head(name): name for name, check in CHECKS.items() if check is number}


class OwnSpans:
    """A reader of spans that remembers forms and attributes; threads may share one."""

    def __init__(self) -> None:
        self.forms: dict[tuple[int, int, bytes], tuple[Form, ...]] = {}
        self._without_room = 0  # spans since there was no room for another form
        self.known: dict[bytes, tuple[str, Any]] = {}

    def read(self, spans: Sequence[bytes], attributes_max: int) -> list[OwnSpan | None]:
        """What each of *spans* is; None for all that is not plainly one of ours."""
        return [one for group in _groups(spans) for one in self._read_together(group, attributes_max)]

    def _read_together(self, spans: Sequence[bytes], attributes_max: int) -> list[OwnSpan | None]:
        cuts = list(map(cut, spans))
        known = [(one, self.forms.get(one.hint, ()) if one is not None else ()) for one in cuts]
        found = self._by_form(known, attributes_max)
        for at, (one, forms) in enumerate(known):
            if found[at] is not None:
                continue
            if one is not None and (learned := self.forms.get(one.hint, ())) != forms:  # of one before it
                found[at] = self._by_form([(one, learned)], attributes_max)[0]
            if found[at] is None:
                found[at] = self._by_attribute(spans[at], one, attributes_max)
        return found

    def _by_form(self, known: Sequence[tuple[Cut | None, Sequence[Form]]], attributes_max: int) -> list[OwnSpan | None]:
        """What each is by the first of its forms that fits, all that have the same kinds of values at once."""
        found: list[OwnSpan | None] = [None] * len(known)
        unread = [(at, one, forms) for at, (one, forms) in enumerate(known) if one is not None and forms]
        for turn in range(ALIKE_MAX):
            of_kinds = defaultdict[Kinds, list[tuple[int, Cut, Form]]](list)
            for at, one, forms in unread:
                if forms[turn].attributes <= attributes_max:
                    of_kinds[forms[turn].layout.kinds].append((at, one, forms[turn]))
            for several in of_kinds.values():
                places, cuts, by = zip(*several, strict=True)
                for at, span in zip(places, read(cuts, by), strict=True):
                    found[at] = span
            unread = [one for one in unread if found[one[0]] is None and turn + 1 < len(one[2])]
        return found

    def _by_attribute(self, span_bytes: bytes, one: Cut | None, attributes_max: int) -> OwnSpan | None:
        try:
            span = _BytesSpan.FromString(span_bytes)
            attributes = list(span.attributes)
            if len(attributes) > attributes_max:
                return None
            checked = self._checked(attributes)
            batch, seq = place_in_batch(checked)
            whole = assembled(checked, start_ns=span.start_time_unix_nano, end_ns=span.end_time_unix_nano)
            observation = FlatObservation.of(whole)
            if one is not None:
                self._remember(one, span.name, observation)
            return span.name, observation, batch, seq
        except (DecodeError, UnicodeDecodeError, WireError):
            return None

    def _remember(self, one: Cut, name: str, observation: FlatObservation) -> None:
        hint = one.hint
        if len(self.forms) >= FORMS_MAX and hint not in self.forms:
            self._without_room += 1
            if self._without_room < FORGET_AFTER:
                return
            self.forms.clear()
            self._without_room = 0
        form = form_of(one, name, observation)
        if form is not None:
            self.forms[hint] = (form, *self.forms.get(hint, ())[: ALIKE_MAX - 1])

    def _checked(self, attributes: list[bytes]) -> dict[str, Any]:
        """By name, of a name given twice the last; raises WireError when one is not as it must be."""
        known = list(map(self.known.get, attributes))
        return dict([pair or self._pair(raw) for pair, raw in zip(known, attributes, strict=True)])

    def _pair(self, raw: bytes) -> tuple[str, Any]:
        name = _DOUBLE_NAMES.get(raw[:-_DOUBLE_BYTES])
        if name is not None:
            return name, number(name, _DOUBLE(raw[-_DOUBLE_BYTES:])[0])
        if raw.startswith(ARRIVALS_KEY):
            head = arrivals_head((len(raw) - len(ARRIVALS_KEY)) // ELEMENT_BYTES)
            if raw.startswith(head) and (doubles := doubles_in(raw[len(head) :])):
                return ARRIVALS, _ARRIVALS_CHECK(ARRIVALS, doubles)
        return self._decoded(raw)

    def _decoded(self, raw: bytes) -> tuple[str, Any]:
        attribute = KeyValue.FromString(raw)
        name, value = attribute.key, plain(attribute.value)
        check = CHECKS.get(name)
        if check is not None and value is not None:
            value = check(name, value)
        elif attribute.value.WhichOneof("value") not in SCALARS:
            raise WireError(f"attribute {name}: no plain value")
        if len(raw) <= KNOWN_BYTES_MAX and name not in _NEVER_KNOWN:
            if len(self.known) >= KNOWN_MAX:
                self.known.clear()
            self.known[raw] = name, value
        return name, value


def _groups(spans: Sequence[bytes]) -> Iterator[list[bytes]]:
    """*spans* in groups that are read at once."""
    group, held = list[bytes](), 0
    for span in spans:
        if group and (len(group) == TOGETHER_MAX or held + len(span) > TOGETHER_BYTES_MAX):
            yield group
            group, held = [], 0
        group.append(span)
        held += len(span)
    if group:
        yield group
