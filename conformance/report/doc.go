// Package report writes a conformance.Result down: for a terminal, as a page, as
// JUnit, JSON and SARIF, and for GitHub. Every writer is a pure function of the
// result: it asks no clock, no environment and no network, and whoever calls it
// hands in where to write. What may be said of a case stands in words.go, once,
// so that all of them say it alike.
//
// Start reading at Write, which makes a folder of reports, and at Text, which is
// all that there is to say about one case.
package report
