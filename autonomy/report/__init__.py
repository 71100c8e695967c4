"""The report of a run: evidence in; one HTML file, one JSON file and a console table out.

Numbers and rendering never mix. `verdict`, `week`, `series` and `columns` derive numbers and words from the evidence;
`figures`, `html`, `summary` and `console` only put them on a page. `write` is the one place that touches files.
"""
