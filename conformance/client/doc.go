// Package client checks a client library against a contract, by being its
// server: each case has a mock of its own at a base URL of its own, tells the
// client what to do through a driver (package driver), and judges by two
// observers, what the client said and what was seen on the wire.
//
// No case names a system. Which operation logs in, which renews and which ends
// a session is learnt from what the client does (see manner), and what it means
// from the contract.
//
// Start reading at New, then scenario.go.
package client
