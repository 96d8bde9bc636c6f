// Package config reads the target file of `conform server`: where the server
// under test is, who may log in, what it can do, and what may be done to it. It
// also writes the file that `conform init` begins with.
//
// No secret stands in the file: it names the variable or the file that has it.
// Start reading at Load.
package config
