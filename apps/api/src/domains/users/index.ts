export {
  findUser,
  findUserByEmail,
  hasOwner,
  insertUser,
  lockFirstRegistration,
  type UserRow,
} from './queries.ts';
