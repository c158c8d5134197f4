"""Who carries out units of work: this process, or actors of Ray on any number of machines."""
