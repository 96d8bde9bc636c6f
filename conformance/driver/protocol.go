// Package driver talks to a client library under test: over the stdin and stdout
// of a small program in any language (Exec), or in process (Local).
//
// A driver does what it is told, by means of the client library, and says what
// the library said. It judges nothing. docs/drivers.md is the page for whoever
// writes one; Schema is the JSON Schema of every line.
package driver

import (
	"bytes"
	"context"
	_ "embed"
	"slices"
)

// Protocol is the version of the protocol that this package speaks.
const Protocol = 1

//go:embed protocol.schema.json
var schema []byte

// Schema returns the JSON Schema of the protocol's lines, in both directions.
func Schema() []byte { return bytes.Clone(schema) }

// The things that a step can tell a client to do.
const (
	Login  = "login"   // begin a session, with the account of the task
	Call   = "call"    // make a call that needs the session
	Renew  = "refresh" // refresh the session now, whether it needs it or not
	Logout = "logout"  // end the session
	Resume = "resume"  // take over a session by the token in Step.Token
)

// Actions returns everything that a step can ask for, in the order in which a
// session has them.
func Actions() []string { return []string{Login, Call, Renew, Logout, Resume} }

// Account is a record of the world that a task runs in: an account, an
// application, a key; its fields as the contract has them.
type Account map[string]any

// Task is what a driver is asked to do: steps, one after another, with one
// client.
type Task struct {
	// Seq numbers the tasks; the report repeats it.
	Seq int `json:"seq"`
	// Case is the id of the case, for messages.
	Case string `json:"case"`
	// New: the driver makes a new client for this task. Otherwise it goes on with
	// the client of the task before.
	New bool `json:"new"`
	// System is the name of the contract.
	System string `json:"system"`
	// Origin is scheme, host and port of the server; BaseURL has the documented
	// base path as well. Neither ends in a slash.
	Origin  string `json:"origin"`
	BaseURL string `json:"base_url"` //nolint:tagliatelle // the protocol is read by people, in any language
	// Account is the one to log in with, Kind its kind of record.
	Account Account `json:"account"`
	Kind    string  `json:"kind"`
	// Accounts are all records of the world, by kind, in order.
	Accounts map[string][]Account `json:"accounts"`
	// Settings are those in force at the server, but for secret ones.
	Settings map[string]any `json:"settings"`
	Steps    []Step         `json:"steps"`
	// DeadlineMS is how long all steps may take, in milliseconds. A driver may
	// hand it on to its client; the runner enforces it in any case.
	DeadlineMS int64 `json:"deadline_ms"` //nolint:tagliatelle // see base_url
}

// Step is one thing to do.
type Step struct {
	Do string `json:"do"`
	// Parallel: do it that many times at once, with the one client; 0 and 1: once.
	Parallel int `json:"parallel,omitempty"`
	// Token is that of a session to resume.
	Token string `json:"token,omitempty"`
}

// About is what a driver says of itself and its client.
type About struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	URL     string `json:"url,omitempty"`
	// Language and Note are shown in reports.
	Language string `json:"language,omitempty"`
	Note     string `json:"note,omitempty"`
	// Does are the actions that the client has; nil: login, call, logout.
	Does []string `json:"does,omitempty"`
	// Systems are those that the driver has a client for; nil: any.
	Systems []string `json:"systems,omitempty"`
}

// Can reports whether the client has an action.
func (a About) Can(action string) bool {
	does := a.Does
	if does == nil {
		does = []string{Login, Call, Logout}
	}
	return slices.Contains(does, action)
}

// Report is what came of a task.
type Report struct {
	// Steps are the results of the steps, in order.
	Steps []StepResult `json:"steps"`
	// Skipped: the client cannot do this, and why. It is no failure.
	Skipped *Reason `json:"skipped,omitempty"`
	// Errored: the driver itself failed, and why. It is no verdict on the client.
	Errored *Reason `json:"errored,omitempty"`
}

// Reason is why a task was not done.
type Reason struct {
	Message string `json:"message"`
	Issue   string `json:"issue,omitempty"` // URL of a ticket
}

// StepResult is what the client said of a step.
type StepResult struct {
	OK    bool   `json:"ok"`
	Error *Error `json:"error,omitempty"`
	// Each are the results of a step that was done several times at once, in any
	// order. OK is then whether all were.
	Each []StepResult `json:"each,omitempty"`
}

// Error is the error that a client raised.
type Error struct {
	// Code is the client's own code or key for it, or the server's that it passes
	// on; "": it has none.
	Code string `json:"code,omitempty"`
	// HTTP is the status of the answer that it is about; 0: the client does not
	// say, or there was no answer.
	HTTP int `json:"http,omitempty"`
	// Message is the text of it, as a log would have it.
	Message string `json:"message"`
	// Login: the client says that the user has to log in again.
	Login bool `json:"login,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// Driver is a client under test. A Driver runs one task at a time; Start gives
// as many of them as cases run side by side.
type Driver interface {
	// About is known from the start.
	About() About
	// Run does a task. The error is about the driver, never about the client: it
	// has ended, or said what is no report, or did not answer before ctx ended.
	Run(ctx context.Context, t *Task) (*Report, error)
	// Output is what the client wrote to stdout (beside the protocol) and stderr
	// since Output was called last.
	Output() string
	// Close ends it, and waits for its end.
	Close(ctx context.Context) error
}

// Start makes one more Driver.
type Start func(ctx context.Context) (Driver, error)
