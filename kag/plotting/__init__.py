"""Pictures of what the library holds and builds: knowledge graphs, programs, the course of a training."""

from kag.plotting.graph import GraphPlot, plot_graph
from kag.plotting.history import plot_history
from kag.plotting.program import ProgramPlot, plot_program
from kag.plotting.selection import Source

__all__ = ["GraphPlot", "ProgramPlot", "Source", "plot_graph", "plot_history", "plot_program"]
