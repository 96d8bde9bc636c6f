package main

import (
	"os"
	"path/filepath"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// openLedger makes the list of open sessions of a run: at path, or a new file in
// the user's cache. A mock of ours needs none, since its worlds end with their
// cases; neither does a target that nobody can log in to.
func (a *app) openLedger(x *aim, path string) (*conformance.Ledger, error) {
	secrets := conformance.SecretsOf(x.contract, x.target)
	if x.ours && path == "" || len(secrets) == 0 {
		return nil, nil
	}
	key, err := conformance.LedgerKey(secrets)
	if err != nil {
		return nil, err
	}
	if path == "" {
		folder, err := a.ledgerFolder()
		if err != nil {
			return nil, err
		}
		path = filepath.Join(folder, conformance.LedgerName(time.Now(), os.Getpid()))
	}
	return conformance.OpenLedger(path, key, nil)
}

// ledgerFolder is where ledgers lie if the user says nothing. The variable is taken
// from what the program was given, not from the process.
func (a *app) ledgerFolder() (string, error) {
	if dir := a.getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "mockauth", "ledgers"), nil
	}
	return conformance.LedgerFolder()
}
