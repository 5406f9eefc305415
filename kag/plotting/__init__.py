"""Pictures of what the library holds and builds: the knowledge graph as PNG or as an interactive page."""

from kag.plotting.graph import GraphPlot, plot_graph
from kag.plotting.selection import Source

__all__ = ["GraphPlot", "Source", "plot_graph"]
