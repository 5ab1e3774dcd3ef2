"""The measurements that README quotes. Nothing is asserted here: figures are printed."""
