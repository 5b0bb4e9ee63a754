"""A believable district, written in the layouts surveyors deliver, with an answer key of planted faults."""
