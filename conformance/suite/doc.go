// Package suite carries a plan out with Ginkgo. It has two doors:
//
// Register puts the cases of a plan into the Ginkgo suite of a host, one It a
// case, so that they run, are filtered and are reported beside the host's own.
//
// Run drives Ginkgo by itself, from a plain main or from go test, says nothing
// on the terminal, and returns a Result. RunParallel does so in several
// processes.
//
// It judges nothing and writes no report: the verdicts are those of a
// conformance.Runner, the words those of package report. Importing it imports
// Ginkgo, which adds its flags (ginkgo.…) to flag.CommandLine.
//
// Start reading at Run.
package suite
