"""The formats of GIS layers, each made safe and whole for GDAL, and what comes back as tables."""
