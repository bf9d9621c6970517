"""What nbval need not compare: pictures and HTML have random names, stderr is progress."""

NOT_COMPARED = ("stderr", "text/html", "image/svg+xml")


def pytest_collectstart(collector):
    if getattr(collector, "skip_compare", None) is not None:  # a notebook of nbval's
        collector.skip_compare += NOT_COMPARED
