/** What activity code imports: Temporal's activity surface, so that an author needs this one package. */
export * from '@temporalio/activity';
