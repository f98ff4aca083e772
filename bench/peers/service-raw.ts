/** This service over `/ws`: a publication goes to the subscribers of its topic. */
import { randomUUID } from 'node:crypto';
import type { PublicationId, Topic } from '../../src/model.ts';
import { report } from './report.ts';
import { engine, port, publisher, stop, tenant } from './running-service.ts';

report({
  port,
  publish({ conversation, content }) {
    void engine.publish(tenant, {
      id: randomUUID() as string as PublicationId,
      topic: conversation as Topic,
      payload: content,
      senderId: publisher,
    });
  },
  stop,
});
