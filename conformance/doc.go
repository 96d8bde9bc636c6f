// Package conformance checks a real server against a contract. It plans cases
// from the contract alone, carries them out, and gives a Result. It knows no
// test framework (see suite), writes no report (see report), and starts no
// server (see mutant).
//
// Start reading at NewPlan, which says what is checked, and at Runner.Run, which
// checks one case.
package conformance
