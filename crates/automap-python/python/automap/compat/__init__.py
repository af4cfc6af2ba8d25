"""automap in the words of other packages: :mod:`automap.compat.rcaeval` and :mod:`automap.compat.pyrca`."""
