package mockserver

// Alterations are the ways in which `alter` writes an answer.
func Alterations() []string {
	return []string{"unknown-members", "reversed", "nulls", "bom", "spaces", "charset=iso-8859-1", "charset=utf-16", "escapes", "numbers-as-strings", "header-case"}
}
