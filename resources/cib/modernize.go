package cib

// modernize brings obsolete spellings to those of today.
func (r *reader) modernize(e *element) {}
