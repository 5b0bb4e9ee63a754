"""The core: storage, versions, topology, tracing, 3D measures, exchange."""

__version__ = "0.1.0"
