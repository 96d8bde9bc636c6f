package mockserver

import (
	"github.com/mockauth/mockauth/internal/session"
)

// WatchTokens calls f with the text of every token that a system issues in this
// world from now on.
func (w *World) WatchTokens(system string, f func(text string)) {
	sys, err := w.server.system(system)
	if err != nil {
		panic(err)
	}
	st := w.state(sys)
	st.store = watchedStore{st.store, f}
}

type watchedStore struct {
	session.Store
	f func(string)
}

func (s watchedStore) Update(f func(session.Tx)) {
	s.Store.Update(func(tx session.Tx) { f(watchedTx{tx, s.f}) })
}

type watchedTx struct {
	session.Tx
	f func(string)
}

func (tx watchedTx) PutToken(t *session.Token) {
	tx.f(t.Text)
	tx.Tx.PutToken(t)
}

// DemoSecrets are the secrets of a system's demo world.
func (s *Server) DemoSecrets(system string) []string {
	sys, err := s.system(system)
	if err != nil {
		panic(err)
	}
	return sys.secrets
}

// MaxJournalBody is how much of a body the journal keeps.
const MaxJournalBody = maxJournalBody

// Fill gives a system of this world a session with so many tokens.
func (w *World) Fill(system string, tokens int) {
	sys, err := w.server.system(system)
	if err != nil {
		panic(err)
	}
	w.state(sys).store.Update(func(tx session.Tx) {
		tx.PutSession(&session.Session{ID: "full", Tokens: make([]string, tokens)})
	})
}
