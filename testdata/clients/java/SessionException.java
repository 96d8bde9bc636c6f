/** What went wrong with a session. Its text holds no secret: neither URL nor body is in it. */
final class SessionException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The API's own code; "" if there is none. */
    final String code;
    /** Status of the HTTP answer; 0 if there was none. */
    final int status;
    /** The session is over, and the user has to log in again. */
    final boolean login;

    SessionException(String message, String code, int status, boolean login, Throwable cause) {
        super(message, cause);
        this.code = code;
        this.status = status;
        this.login = login;
    }

    SessionException(String message, int status) {
        this(message, "", status, false, null);
    }

    static SessionException nobody() {
        return new SessionException("nobody is logged in", "", 0, true, null);
    }

    /** The same failure, where it means that the session is over. */
    SessionException over() {
        return new SessionException("the session is over; log in again (" + getMessage() + ")", code, status, true, this);
    }
}
