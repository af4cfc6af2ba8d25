"""automap in the words of other packages: :mod:`automap.compat.rcaeval`, :mod:`automap.compat.pyrca` and :mod:`automap.compat.sklearn`."""
