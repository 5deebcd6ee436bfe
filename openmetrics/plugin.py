"""The public names for plugins: import from here and from nowhere else in the server."""

from openmetrics.analysis import (
    Analysis,
    Asking,
    People,
    Proportion,
    check_question,
    check_segment,
    read_filter,
    run_analysis,
)
from openmetrics.asking import print_answer, question_options
from openmetrics.columns.slices import Codes, Plan, Slice
from openmetrics.columns.view import ColumnView
from openmetrics.command import STORE, load_given, open_given_server, setting_options
from openmetrics.errors import Fault, OpenMetricsError, invalid_query
from openmetrics.hookspecs import hookimpl
from openmetrics.http.bodies import BodyReader
from openmetrics.http.problems import incoming_of, problem_answer
from openmetrics.http.protocol import Answer, Decoded, Incoming, Operation, Protocol, Route
from openmetrics.http.questions import (
    check_admin,
    read_cursor,
    read_limit,
    read_query,
    read_range,
    send_json,
    write_cursor,
)
from openmetrics.http.saved import find_saved, saved_routes
from openmetrics.http.shapes import event_json
from openmetrics.ingest.document import parse_document
from openmetrics.ingest.event import Event, key_of, period_of, to_json
from openmetrics.ingest.importer import Importer
from openmetrics.ingest.lane import ImportLane
from openmetrics.ingest.pipeline import Processor
from openmetrics.ingest.receipt import Draft, Drop, Identify, Origin, Receipt, Refused, Rejection, Restored
from openmetrics.query.calendar import interval_start, iter_intervals, next_start
from openmetrics.query.durations import Duration, parse_duration, subtract_duration
from openmetrics.query.model import (
    AggregateQuery,
    All,
    AnyOf,
    Comparison,
    Did,
    EventsQuery,
    Field,
    Filter,
    HasKind,
    InSegment,
    Interval,
    Measure,
    Not,
    Sent,
    SessionSpan,
    SessionSpans,
    ValuesQuery,
)
from openmetrics.query.nobody import asks_actor, is_nobody_in, resolve_nobody
from openmetrics.query.parse import parse_events, parse_field, parse_filter
from openmetrics.query.ranges import Moment, parse_instant, parse_range, parse_timezone
from openmetrics.query.times import format_time, parse_time
from openmetrics.query.values import canonical_text, kind_of, numeric_value
from openmetrics.remote import Remote
from openmetrics.saved import SavedKind, iter_segments
from openmetrics.segments import list_references
from openmetrics.server import Server
from openmetrics.settings import Setting, Settings
from openmetrics.store.base import (
    Capability,
    ControlDocument,
    Engine,
    Partition,
    Row,
    Store,
    StoredEvent,
    ValueRow,
    VersionConflictError,
)

__all__ = [
    "STORE",
    "AggregateQuery",
    "All",
    "Analysis",
    "Answer",
    "AnyOf",
    "Asking",
    "BodyReader",
    "Capability",
    "Codes",
    "ColumnView",
    "Comparison",
    "ControlDocument",
    "Decoded",
    "Did",
    "Draft",
    "Drop",
    "Duration",
    "Engine",
    "Event",
    "EventsQuery",
    "Fault",
    "Field",
    "Filter",
    "HasKind",
    "Identify",
    "ImportLane",
    "Importer",
    "InSegment",
    "Incoming",
    "Interval",
    "Measure",
    "Moment",
    "Not",
    "OpenMetricsError",
    "Operation",
    "Origin",
    "Partition",
    "People",
    "Plan",
    "Processor",
    "Proportion",
    "Protocol",
    "Receipt",
    "Refused",
    "Rejection",
    "Remote",
    "Restored",
    "Route",
    "Row",
    "SavedKind",
    "Sent",
    "Server",
    "SessionSpan",
    "SessionSpans",
    "Setting",
    "Settings",
    "Slice",
    "Store",
    "StoredEvent",
    "ValueRow",
    "ValuesQuery",
    "VersionConflictError",
    "asks_actor",
    "canonical_text",
    "check_admin",
    "check_question",
    "check_segment",
    "event_json",
    "find_saved",
    "format_time",
    "hookimpl",
    "incoming_of",
    "interval_start",
    "invalid_query",
    "is_nobody_in",
    "iter_intervals",
    "iter_segments",
    "key_of",
    "kind_of",
    "list_references",
    "load_given",
    "next_start",
    "numeric_value",
    "open_given_server",
    "parse_document",
    "parse_duration",
    "parse_events",
    "parse_field",
    "parse_filter",
    "parse_instant",
    "parse_range",
    "parse_time",
    "parse_timezone",
    "period_of",
    "print_answer",
    "problem_answer",
    "question_options",
    "read_cursor",
    "read_filter",
    "read_limit",
    "read_query",
    "read_range",
    "resolve_nobody",
    "run_analysis",
    "saved_routes",
    "send_json",
    "setting_options",
    "subtract_duration",
    "to_json",
    "write_cursor",
]
