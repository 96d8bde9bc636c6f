// Package mockserver serves contracts: a fake backend that logs in, issues,
// checks, refreshes, expires and revokes as the contract says.
//
// A Go test starts one with Start and gets a URL, a clock and a journal:
//
//	mock := mockserver.Start(t, mockserver.System("name"))
//	mock.Clock().Advance(20 * time.Minute)
//
// It knows no system by name: everything that is particular stands in a
// contract (package specs) and a demo world (package fixtures).
//
// The way of a request, one file a step: route.go, decode.go, (session.Decide),
// respond.go, journal.go. Start reading at Server.ServeHTTP.
package mockserver
