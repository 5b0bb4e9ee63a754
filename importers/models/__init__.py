"""Network models behind the readers of EPANET, SWMM, LandXML and IFC: their files, engines and elements."""
