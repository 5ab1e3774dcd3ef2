"""What a visit, an edit and a release cost. Nothing is asserted here: figures are printed."""
