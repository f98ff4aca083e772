/** The client of the older service, as its applications include it: nothing here knows of this one. */
export class RealtimeClient {
  constructor(url, token, WebSocketClass = WebSocket) {
    this.url = url;
    this.token = token;
    this.WebSocketClass = WebSocketClass;
    this.handlers = {};
    this.topics = new Set();
    this.attempts = 0;
    this.isStopped = false;
  }

  on(type, handler) {
    this.handlers[type] = handler;
    return this;
  }

  connect() {
    this.socket = new this.WebSocketClass(`${this.url}?token=${encodeURIComponent(this.token)}`);
    this.socket.onopen = () => {
      this.attempts = 0;
      if (this.topics.size > 0) this.send('Subscribe', { topics: [...this.topics] });
    };
    this.socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      switch (message.type) {
        case 'Status':
        case 'Broadcast':
        case 'DirectMessage':
        case 'Error':
          if (this.handlers[message.type]) this.handlers[message.type](message.data);
          break;
        default:
          break;
      }
    };
    this.socket.onclose = () => {
      if (this.isStopped) return;
      const delay = Math.min(50 * 2 ** this.attempts, 1000);
      this.attempts += 1;
      setTimeout(() => this.connect(), delay);
    };
    this.socket.onerror = () => {};
    return this;
  }

  send(type, data) {
    this.socket.send(JSON.stringify({ type, data }));
  }

  subscribe(topics) {
    for (const topic of topics) this.topics.add(topic);
    this.send('Subscribe', { topics });
  }

  broadcast(topic, payload) {
    this.send('Broadcast', { topic, payload });
  }

  directMessage(targetUser, payload) {
    this.send('DirectMessage', { target_user: targetUser, payload });
  }

  stop() {
    this.isStopped = true;
    this.socket.close();
  }
}
