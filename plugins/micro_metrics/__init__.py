"""Speak the API of micro-metrics: metrics with types and tags, reports, conversions, charts to embed."""

from __future__ import annotations

from pathlib import Path

from openmetrics.plugin import Operation, Protocol, Route, Server, hookimpl
from openmetrics_plugins.micro_metrics import answers, buckets, catalog, decode, embed, reports
from openmetrics_plugins.micro_metrics.lookups import Lookup

FORM = "application/x-www-form-urlencoded"
INGEST = (
    ("/api/track", "Record one metric.", decode.decode_track, answers.answer_metric, "micro_metrics_track"),
    ("/api/track/batch", "Record metrics.", decode.decode_batch, answers.answer_batch, "micro_metrics_batch"),
    (
        "/api/conversion", "Record a conversion.", decode.decode_conversion, answers.answer_metric,
        "micro_metrics_conversion",
    ),
)  # fmt: skip
LOOKUPS = (
    ("/api/report", reports.report, reports.REPORT_KEYS),
    ("/api/report.csv", reports.report_csv, reports.REPORT_KEYS),
    ("/api/report/count", reports.count, reports.REPORT_KEYS),
    ("/api/report/unique", reports.unique, reports.UNIQUE_KEYS),
    ("/api/report/aggregate", buckets.aggregate, buckets.AGGREGATE_KEYS),
    ("/api/report/aggregate.csv", buckets.aggregate_csv, buckets.AGGREGATE_KEYS),
    ("/api/report/groupby", buckets.groupby, buckets.GROUPBY_KEYS),
    ("/api/report/groupby.csv", buckets.groupby_csv, buckets.GROUPBY_KEYS),
    ("/api/report/conversion", buckets.conversion, buckets.CONVERSION_KEYS),
    ("/api/report/conversion.csv", buckets.conversion_csv, buckets.CONVERSION_KEYS),
    ("/api/report/conversion/aggregate", buckets.conversion_totals, buckets.CONVERSION_KEYS),
    ("/api/report/conversion/aggregate.csv", buckets.conversion_totals_csv, buckets.CONVERSION_KEYS),
    ("/api/tags", catalog.tags, catalog.TAGS_KEYS),
    ("/api/tag-values", catalog.tag_values, catalog.TAG_VALUES_KEYS),
    ("/api/types", catalog.types, None),
    ("/api/conversions", catalog.conversions, None),
    ("/embed", embed.embed, embed.EMBED_KEYS),
)


@hookimpl
def register_schemas() -> list[Path]:
    """Add the schemas of the bodies."""
    return [Path(__file__).parent]


@hookimpl
def register_protocols(server: Server) -> list[Protocol]:
    """Add the routes that record."""
    return [
        Protocol(
            f"micro_metrics{path.replace('/', '_')}",
            path,
            (
                Operation(
                    "POST", summary, body=f"{schema}.schema.json", content_types=("application/json", FORM)
                ),
            ),
            decode_,
            answer,
            answers.refuse,
            "any",
            None if schema == "micro_metrics_batch" else answers.TRACK_BYTES,
        )
        for path, summary, decode_, answer, schema in INGEST
    ]


@hookimpl
def register_routes(server: Server) -> list[Route]:
    """Add the lookups; the first line of each function's docstring is its summary."""
    return [
        Route(
            path,
            Lookup(server, keys, ask),
            (
                Operation(
                    "GET", (ask.__doc__ or "").partition("\n")[0], keys or {}, answers={"200": "The answer."}
                ),
            ),
            refuse=answers.refuse,
            allow_origin="any",
        )
        for path, ask, keys in LOOKUPS
    ]
