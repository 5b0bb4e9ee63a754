"""What a surveyor acts on: the findings of a changeset as HTML with a map, GeoPackage, CSV and JSON."""

from pipemap.report.contents import Report, gather_report
from pipemap.report.files import report_document, write_csv, write_geopackage, write_json
from pipemap.report.page import render_html, write_html
from pipemap.report.whole_files import write_whole

__all__ = [
    "Report",
    "gather_report",
    "render_html",
    "report_document",
    "write_csv",
    "write_geopackage",
    "write_html",
    "write_json",
    "write_whole",
]
