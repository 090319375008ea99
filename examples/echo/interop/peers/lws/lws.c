// A client of the echo server, and a server for ../client, with libwebsockets:
//
//	lws client PORT EXTENSIONS    EXTENSIONS are what has to be agreed on, "" for nothing
//	lws server                    prints its URL, and ends when two connections have ended as they should

#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The sizes on both sides of every form of the payload length (RFC 6455, 5.2), and larger ones.
static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 4 << 20};
enum { nsizes = sizeof sizes / sizeof *sizes, firstcompressed = 5, largest = 4 << 20 };

static struct lws_context *context;
static const char *extensions; // of the client
static int done, ends, failed;

static void fail(const char *what) {
	fprintf(stderr, "lws: %s\n", what);
	failed = done = 1;
	if (context) lws_cancel_service(context);
}

// A connection's share: what has come of a message, and what has to leave.
struct conn {
	unsigned char *in, *out; // out has LWS_PRE bytes before it
	size_t n, size;
	int binary, whole;
	int pinged, ponged; // a ping has left, and its pong has come
	int step, sent;     // of the client: the number of its message; of the server: how often this one has been sent back
	int part, closing;
};

static void fill(unsigned char *p, size_t n, int binary) {
	for (size_t i = 0; i < n; i++) {
		if (binary)
			p[i] = (unsigned char)(i * 7);
		else
			p[i] = i == n - 1 && n % 2 ? '.' : i % 2 ? 0xa9 : 0xc3; // U+00E9
	}
}

static int begin(struct conn *c) {
	c->in = malloc(largest + 1);
	c->out = malloc(LWS_PRE + largest + 1);
	if (c->in && c->out) return 0;
	fail("out of memory");
	return -1;
}

static void end(struct conn *c) {
	free(c->in);
	free(c->out);
	c->in = c->out = NULL;
}

// receive reports whether a message is whole.
static int receive(struct lws *wsi, struct conn *c, const void *in, size_t len) {
	if (c->whole) c->n = 0; // lws_is_first_fragment is not to be relied on with permessage-deflate
	c->binary = lws_frame_is_binary(wsi);
	if (c->n + len > largest) {
		fail("a message longer than any that was sent");
		return -1;
	}
	memcpy(c->in + c->n, in, len);
	c->n += len;
	c->whole = lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi);
	return c->whole;
}

static int ping(struct lws *wsi, struct conn *c) {
	unsigned char p[LWS_PRE + 14];
	memcpy(p + LWS_PRE, "are you there?", 14);
	c->pinged = 1;
	return lws_write(wsi, p + LWS_PRE, 14, LWS_WRITE_PING) < 0 ? -1 : 0;
}

static int pong(struct lws *wsi, struct conn *c, const void *in, size_t len) {
	if (len != 14 || memcmp(in, "are you there?", 14)) {
		fail("the pong's payload is not the ping's");
		return -1;
	}
	c->ponged = 1;
	lws_callback_on_writable(wsi);
	return 0;
}

// send writes the n bytes of c->out: whole, or one of two fragments.
static int send_part(struct lws *wsi, struct conn *c, size_t n, int binary, int whole) {
	int kind = binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
	size_t middle = n / 2, from = 0, length = n;
	if (!whole && c->part == 0) {
		length = middle;
		kind |= LWS_WRITE_NO_FIN;
		c->part = 1;
	} else if (!whole) {
		from = middle;
		length = n - middle;
		kind = LWS_WRITE_CONTINUATION;
		c->part = 0;
	}
	// lws_write overwrites the bytes before those that it sends. They have left already.
	if (lws_write(wsi, c->out + LWS_PRE + from, length, (enum lws_write_protocol)kind) < (int)length) {
		fail("a write failed");
		return -1;
	}
	if (c->part) lws_callback_on_writable(wsi);
	return 0;
}

static int client(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t len) {
	struct conn *c = user;
	char got[256] = "";
	int i, binary, whole;
	switch (why) {
	case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
		lws_hdr_copy(wsi, got, sizeof got, WSI_TOKEN_EXTENSIONS);
		if (strncmp(got, extensions, strlen(extensions)) || (!*extensions && *got)) {
			fprintf(stderr, "lws: agreed on \"%s\"\n", got);
			fail("other extensions than those that had to be agreed on");
			return -1;
		}
		break;
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		if (begin(c)) return -1;
		// With permessage-deflate there is no ping, and only messages that become shorter are sent: the rest is what the other peers are for.
		if (*extensions) {
			c->pinged = c->ponged = 1;
			c->step = 4 * firstcompressed;
		}
		lws_callback_on_writable(wsi);
		break;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		if (!c->pinged) return ping(wsi, c);
		if (!c->ponged) break;
		i = c->step / 4;
		if (i == nsizes) {
			unsigned char reason[] = "libwebsockets has had enough";
			c->closing = 1;
			lws_close_reason(wsi, (enum lws_close_status)4000, reason, sizeof reason - 1);
			return -1;
		}
		if (c->sent && !c->part) break; // the answer has not come yet
		binary = c->step % 2;
		whole = c->step / 2 % 2 == 0;
		fill(c->out + LWS_PRE, sizes[i], binary); // for the second fragment again: lws masks in place
		c->sent = 1;
		return send_part(wsi, c, sizes[i], binary, whole);
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		return pong(wsi, c, in, len);
	case LWS_CALLBACK_CLIENT_RECEIVE:
		if ((i = receive(wsi, c, in, len)) <= 0) return i;
		fill(c->out + LWS_PRE, sizes[c->step / 4], c->step % 2);
		if (c->n != sizes[c->step / 4] || c->binary != c->step % 2 || memcmp(c->in, c->out + LWS_PRE, c->n)) {
			fprintf(stderr, "lws: message %d of %zu bytes came back as %zu bytes\n", c->step, sizes[c->step / 4], c->n);
			fail("got other than what was sent");
			return -1;
		}
		c->step++;
		c->sent = 0;
		lws_callback_on_writable(wsi);
		break;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		fail(in ? (char *)in : "cannot connect");
		break;
	case LWS_CALLBACK_CLIENT_CLOSED:
		if (!c->closing) fail("closed before the end");
		end(c);
		done = 1;
		break;
	default:
		break;
	}
	return 0;
}

static int server(struct lws *wsi, enum lws_callback_reasons why, void *user, void *in, size_t len) {
	struct conn *c = user;
	unsigned char reason[] = "the server's reason", *p = in;
	int whole;
	switch (why) {
	case LWS_CALLBACK_ESTABLISHED:
		return begin(c);
	case LWS_CALLBACK_RECEIVE:
		if ((whole = receive(wsi, c, in, len)) <= 0) return whole;
		if (!c->binary && c->n == 5 && !memcmp(c->in, "close", 5)) {
			c->closing = 1;
			lws_callback_on_writable(wsi);
			break;
		}
		c->sent = c->pinged = c->ponged = 0;
		c->size = c->n;
		lws_callback_on_writable(wsi);
		break;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		if (c->closing) {
			lws_close_reason(wsi, (enum lws_close_status)4001, reason, sizeof reason - 1);
			return -1;
		}
		if (!c->pinged) return ping(wsi, c);
		if (!c->ponged || c->sent == 2) break;
		if (!c->part) memcpy(c->out + LWS_PRE, c->in, c->size);
		if (send_part(wsi, c, c->size, c->binary, c->sent == 0 || c->size < 2)) return -1;
		if (!c->part && ++c->sent < 2) lws_callback_on_writable(wsi);
		break;
	case LWS_CALLBACK_RECEIVE_PONG:
		return pong(wsi, c, in, len);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		if (len != 21 || p[0] << 8 != (4000 & 0xff00) || p[1] != (4000 & 0xff) || memcmp(p + 2, "the client's reason", 19))
			fail("the client closed with another code or reason");
		c->closing = 1;
		break;
	case LWS_CALLBACK_CLOSED:
		if (!c->closing) fail("a connection ended without a closing handshake");
		end(c);
		if (++ends == 2) done = 1;
		break;
	default:
		break;
	}
	return 0;
}

int main(int argc, char **argv) {
	int is_client = argc == 4 && !strcmp(argv[1], "client");
	if (!is_client && !(argc == 2 && !strcmp(argv[1], "server"))) {
		fprintf(stderr, "usage: lws client PORT EXTENSIONS | lws server\n");
		return 2;
	}
	alarm(60); // not done after a minute
	lws_set_log_level(LLL_ERR | LLL_WARN, NULL);
	const struct lws_protocols protocols[] = {
		{"echo", is_client ? client : server, sizeof(struct conn), 1 << 16, 0, NULL, 0},
		{NULL, NULL, 0, 0, 0, NULL, 0},
	};
	const struct lws_extension deflate[] = {
		{"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate; client_max_window_bits"},
		{NULL, NULL, NULL},
	};
	struct lws_context_creation_info info = {0};
	info.port = is_client ? CONTEXT_PORT_NO_LISTEN : 0;
	info.iface = is_client ? NULL : "127.0.0.1";
	info.protocols = protocols;
	info.extensions = is_client && !*argv[3] ? NULL : deflate;
	info.options = LWS_SERVER_OPTION_VALIDATE_UTF8;
	context = lws_create_context(&info);
	if (!context) {
		fail("no context");
		return 1;
	}
	if (is_client) {
		extensions = argv[3];
		struct lws_client_connect_info to = {0};
		char host[32];
		snprintf(host, sizeof host, "127.0.0.1:%s", argv[2]);
		to.context = context;
		to.address = "127.0.0.1";
		to.port = atoi(argv[2]);
		to.path = "/ws";
		to.host = host;
		to.local_protocol_name = "echo";
		to.ietf_version_or_minus_one = -1;
		if (!lws_client_connect_via_info(&to)) fail("cannot connect");
	} else {
		printf("ws://127.0.0.1:%d/\n", lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
		fflush(stdout);
	}
	while (!done && lws_service(context, 0) >= 0)
		;
	lws_context_destroy(context);
	return failed || !done;
}
