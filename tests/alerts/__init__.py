"""The alerts and dashboards of the chart, against the metrics that exist and their runbooks."""
