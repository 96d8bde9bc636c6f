// Package session is the state machine of a contract: accounts, sessions and
// tokens, and what a request does to them. It knows no HTTP.
//
// Its heart is Machine.Decide, a pure function of contract, state and request:
// it says which answer or which reason, and which effects, and changes nothing.
// The mock applies what it says (Apply) and writes the answer (Render); a
// runner can ask it what should happen. Start reading at Decide.
package session
